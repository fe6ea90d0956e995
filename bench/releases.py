"""Our own releases and rollbacks under load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.callers import WEB, Door
from bench.platform import Platform
from bench.row import under_load
from catalog import load_catalog

LIMIT_ALL_SECONDS = 600
LIMIT_BACK_SECONDS = 15


@dataclass
class Command:
    """A command whose receipt is kept."""

    platform: Platform
    arguments: list[str]
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any])
    begun: datetime = field(init=False)

    def __call__(self) -> None:
        """Run it."""
        self.begun = datetime.now(UTC)
        self.receipt = self.platform.manacore(*self.arguments)

    @property
    def lost(self) -> int:
        """Requests that its own prober saw fail, at every host that it changed."""
        prober = self.receipt["prober"] or {"failed": 0}
        return int(prober["failed"])

    @property
    def switched(self) -> float:
        """Seconds from the command's start until every request was on the other version."""
        (flip,) = (step for step in self.receipt["steps"] if step["name"] == "flip")
        started = datetime.fromisoformat(flip["started"])
        return (started - self.begun).total_seconds() + float(flip["seconds"])

    @property
    def steps(self) -> str:
        """When it had switched, and how long each of its steps took."""
        steps = [f"{step['name']} {step['seconds']:.1f} s" for step in self.receipt["steps"]]
        switched = f"switched after {self.switched:.1f} s: {', '.join(steps)}"
        return f"({switched}; own prober: {self.lost} lost)"


def measured(platform: Platform) -> bool:
    """One service, then all in one set, and their rollbacks; whether all limits were kept."""
    one, everything = [f"{WEB}=bench-one"], [f"{s.name}=bench" for s in load_catalog().slotted]
    # Two versions of one service: a command takes one.
    platform.push(one)
    platform.push(everything)
    door, good = Door.of(platform.outputs), True
    for what, arguments, limit in (
        ("release of one service", ["release", *one, "--watch", "0"], None),
        ("its rollback", ["rollback"], LIMIT_BACK_SECONDS),
        (
            f"release of all {len(everything)} in one set",
            ["release", *everything, "--watch", "0"],
            LIMIT_ALL_SECONDS,
        ),
        ("their rollback", ["rollback"], LIMIT_BACK_SECONDS),
    ):
        command = Command(platform, arguments)
        row = under_load(door, what, command)
        row.tell(command.steps)
        good &= row.lost + command.lost == 0
        # A rollback has done its work when it has switched: what it writes down comes after.
        taken = command.switched if arguments == ["rollback"] else row.seconds
        if limit and taken > limit:
            print(f"  over its limit of {limit} s")
            good = False
    return good
