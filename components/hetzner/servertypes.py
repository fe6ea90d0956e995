"""Server types and locations of Hetzner Cloud.

Which of them can be ordered is the API's word at the moment of ordering; this list is what the
program knows by name, so that a mistyped or retired type is refused before anything is touched.
Prices are not here: they change, and the API has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Location(StrEnum):
    """Where a server stands. The first three are in the European Union."""

    FALKENSTEIN = "fsn1"
    NUREMBERG = "nbg1"
    HELSINKI = "hel1"
    ASHBURN = "ash"
    HILLSBORO = "hil"
    SINGAPORE = "sin"

    @property
    def network_zone(self) -> str:
        """The zone whose private networks reach it."""
        zones = {"ash": "us-east", "hil": "us-west", "sin": "ap-southeast"}
        return zones.get(self.value, "eu-central")


class ServerType(StrEnum):
    """Types that can be ordered, all x86."""

    CX23 = "cx23"
    CX33 = "cx33"
    CX43 = "cx43"
    CX53 = "cx53"
    CCX13 = "ccx13"
    CCX23 = "ccx23"
    CCX33 = "ccx33"
    CCX43 = "ccx43"
    CCX53 = "ccx53"
    CCX63 = "ccx63"


@dataclass(frozen=True, kw_only=True)
class Size:
    """Cores, and memory in MiB."""

    cores: int
    memory: int


SIZES: dict[ServerType, Size] = {
    ServerType.CX23: Size(cores=2, memory=4096),
    ServerType.CX33: Size(cores=4, memory=8192),
    ServerType.CX43: Size(cores=8, memory=16384),
    ServerType.CX53: Size(cores=16, memory=32768),
    ServerType.CCX13: Size(cores=2, memory=8192),
    ServerType.CCX23: Size(cores=4, memory=16384),
    ServerType.CCX33: Size(cores=8, memory=32768),
    ServerType.CCX43: Size(cores=16, memory=65536),
    ServerType.CCX53: Size(cores=32, memory=131072),
    ServerType.CCX63: Size(cores=48, memory=196608),
}

SUCCESSORS: dict[str, ServerType] = {
    "cx22": ServerType.CX23,
    "cx32": ServerType.CX33,
    "cx42": ServerType.CX43,
    "cx52": ServerType.CX53,
    "ccx12": ServerType.CCX13,
    "ccx22": ServerType.CCX23,
    "ccx32": ServerType.CCX33,
    "ccx42": ServerType.CCX43,
    "ccx52": ServerType.CCX53,
    "ccx62": ServerType.CCX63,
}


def refusal(name: str) -> str | None:
    """Why a type cannot be ordered, with what to use instead; None when it can be."""
    if name in ServerType.__members__.values():
        return None
    successor = SUCCESSORS.get(name.lower())
    if successor:
        return f"server type {name} is not offered any more: use {successor}"
    known = [t.value for t in ServerType]
    line = name.lower().rstrip("0123456789")
    # A mistyped number: the types of the same line, since digits make all of them equally alike.
    alike = [k for k in known if k.rstrip("0123456789") == line] or known
    return f"server type {name} is not offered: use one of: {', '.join(alike)}"
