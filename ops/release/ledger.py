"""Writing the release ledger: which slot gets which image, and which one is live."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from stacks.ledger import Entry, Ledger, Slot

_HEADER = """\
# Which image is in which slot of each service of {stack}, and which slot is live.
# Written by releases; `stacks/ledger.py` says what an entry may be.
"""


def prepared(ledger: Ledger, images: Mapping[str, str]) -> Ledger:
    """The ledger with these images in the idle slots of their services, which get no share."""
    return _changed(
        ledger,
        {
            service: {ledger[service].live.other.value: image, "canary": None}
            for service, image in images.items()
        },
    )


def flipped(ledger: Ledger, services: Mapping[str, Slot]) -> Ledger:
    """The ledger in which these slots are live, for everybody."""
    return _changed(
        ledger, {service: {"live": slot, "canary": None} for service, slot in services.items()}
    )


def retired(ledger: Ledger, services: Mapping[str, Slot]) -> Ledger:
    """The ledger in which these slots are empty; a slot that is live stays."""
    return _changed(
        ledger,
        {
            service: {slot.value: None, "canary": None}
            for service, slot in services.items()
            if ledger[service].live is not slot
        },
    )


def shared(ledger: Ledger, services: Iterable[str], percent: int | None) -> Ledger:
    """The ledger in which the idle slots of services get so many percent; None: no share."""
    return _changed(ledger, {service: {"canary": percent} for service in services})


def maintained(ledger: Ledger, services: Iterable[str], message: str | bool) -> Ledger:
    """The ledger in which services are under maintenance, with this message; False: open."""
    return _changed(ledger, {service: {"maintenance": message or None} for service in services})


def _changed(ledger: Ledger, changes: Mapping[str, Mapping[str, object]]) -> Ledger:
    # Validated, so that no change writes a ledger that the program refuses.
    changed = {
        service: Entry.model_validate({**ledger[service].model_dump(), **change})
        for service, change in changes.items()
    }
    return Ledger({**ledger.entries, **changed})


def write(file: Path, ledger: Ledger) -> None:
    """Write the ledger of the stack that the file is named after.

    Whenever the machine stops, there is the whole file or the former one. Raises `OSError`.
    """
    lines = [_HEADER.format(stack=file.stem)]
    for name, entry in ledger.entries.items():
        lines.append(f"{_key(name)}:\n  live: {entry.live}\n")
        lines[-1] += "".join(f"  {slot}: {entry.image(slot)}\n" for slot in entry.filled)
        lines[-1] += f"  canary: {entry.canary}\n" if entry.canary else ""
        if entry.maintenance:
            # JSON's texts are YAML's too.
            lines[-1] += f"  maintenance: {json.dumps(entry.maintenance, ensure_ascii=False)}\n"
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(3)}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write("\n".join(lines))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _key(name: str) -> str:
    # YAML reads `on` as true, and `1e3` as a number.
    return name if yaml.safe_load(name) == name else json.dumps(name)
