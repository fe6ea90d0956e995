"""Changes of our edge under load: its configuration, its image, its certificates."""

from __future__ import annotations

import socket
import ssl

from bench import edits
from bench.callers import Door
from bench.edits import ALWAYS_RENEWED, ANOTHER_IMAGE, ANOTHER_TIMING
from bench.platform import Platform
from bench.row import under_load
from localcloud.processes import wait_until

RENEWALS = 3
_RENEWAL_SECONDS = 180


def measured(platform: Platform) -> bool:
    """Measure each; whether nothing was lost. The copy of the tree is as before afterwards."""
    door, lost = Door.of(platform.outputs), 0
    for what, changes in (
        ("another configuration of the edge", ANOTHER_TIMING),
        ("another image of the edge", ANOTHER_IMAGE),
    ):
        edits.make(platform.root, *changes)
        row = under_load(door, what, lambda: platform.manacore("up"))
        row.tell("(the whole up, with the drain of the old edge)")
        lost += row.lost
        edits.take_back(platform.root, *changes)
    edits.make(platform.root, *ALWAYS_RENEWED)
    platform.manacore("up")
    row = under_load(door, f"{RENEWALS} renewals of its certificates", lambda: renewed(door))
    row.tell()
    edits.take_back(platform.root, *ALWAYS_RENEWED)
    platform.manacore("up")
    return lost + row.lost == 0


def renewed(door: Door, times: int = RENEWALS) -> None:
    """Wait until the edge has answered with so many new certificates.

    Raises `TimeoutError` when it has not within three minutes.
    """
    first = certificate(door)
    seen = {first}

    def enough() -> bool:
        seen.add(certificate(door))
        return len(seen) > times

    if not wait_until(enough, _RENEWAL_SECONDS, every=1):
        raise TimeoutError(f"{len(seen) - 1} renewals within {_RENEWAL_SECONDS} s, not {times}")


def certificate(door: Door) -> bytes:
    """The certificate that the edge has for the host that is asked most."""
    context = ssl.create_default_context()
    # The local cloud's authority is its edge's own.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((door.address, door.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=door.kept) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""
