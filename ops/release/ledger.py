"""Writing the release ledger: which slot gets which image, and which one is live."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from stacks.ledger import Entry, Ledger, Slot

_HEADER = """\
# Which image is in which slot of each service of {stack}, and which slot is live.
# Written by releases; `stacks/ledger.py` says what an entry may be.
"""


def prepared(ledger: Ledger, images: Mapping[str, str]) -> Ledger:
    """The ledger with these images in the idle slots of their services."""
    changed = {
        service: _with(ledger[service], ledger[service].live.other, image)
        for service, image in images.items()
    }
    return Ledger({**ledger.entries, **changed})


def flipped(ledger: Ledger, services: Mapping[str, Slot]) -> Ledger:
    """The ledger in which these slots are live."""
    changed = {
        service: Entry(live=slot, blue=ledger[service].blue, green=ledger[service].green)
        for service, slot in services.items()
    }
    return Ledger({**ledger.entries, **changed})


def retired(ledger: Ledger, services: Mapping[str, Slot]) -> Ledger:
    """The ledger in which these slots are empty; a slot that is live stays."""
    changed = {
        service: _with(ledger[service], slot, None)
        for service, slot in services.items()
        if ledger[service].live is not slot
    }
    return Ledger({**ledger.entries, **changed})


def _with(entry: Entry, slot: Slot, image: str | None) -> Entry:
    blue = image if slot is Slot.BLUE else entry.blue
    green = image if slot is Slot.GREEN else entry.green
    return Entry(live=entry.live, blue=blue, green=green)


def write(file: Path, ledger: Ledger) -> None:
    """Write the ledger of the stack that the file is named after.

    Whenever the machine stops, there is the whole file or the former one. Raises `OSError`.
    """
    lines = [_HEADER.format(stack=file.stem)]
    for name, entry in ledger.entries.items():
        lines.append(f"{name}:\n  live: {entry.live}\n")
        lines[-1] += "".join(f"  {slot}: {entry.image(slot)}\n" for slot in entry.filled)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(3)}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write("\n".join(lines))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
