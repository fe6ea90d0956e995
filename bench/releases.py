"""Our own releases and rollbacks under load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.callers import WEB, Door
from bench.platform import Platform
from bench.row import under_load
from catalog import load_catalog

LIMIT_ALL_SECONDS = 600


@dataclass
class Command:
    """A command whose receipt is kept."""

    platform: Platform
    arguments: list[str]
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __call__(self) -> None:
        """Run it."""
        self.receipt = self.platform.manacore(*self.arguments)

    @property
    def lost(self) -> int:
        """Requests that its own prober saw fail, at every host that it changed."""
        prober = self.receipt["prober"] or {"failed": 0}
        return int(prober["failed"])

    @property
    def steps(self) -> str:
        """How long each of its steps took."""
        steps = [f"{step['name']} {step['seconds']:.1f} s" for step in self.receipt["steps"]]
        return f"({', '.join(steps)}; own prober: {self.lost} lost)"


def measured(platform: Platform) -> bool:
    """One service, then all in one set, and their rollbacks; whether all limits were kept."""
    one, everything = [f"{WEB}=bench-one"], [f"{s.name}=bench" for s in load_catalog().slotted]
    # Two versions of one service: a command takes one.
    platform.push(one)
    platform.push(everything)
    door, good = Door.of(platform.outputs), True
    for what, arguments, limit in (
        ("release of one service", ["release", *one, "--watch", "0"], None),
        ("its rollback", ["rollback"], None),
        (
            f"release of all {len(everything)} in one set",
            ["release", *everything, "--watch", "0"],
            LIMIT_ALL_SECONDS,
        ),
        ("their rollback", ["rollback"], None),
    ):
        command = Command(platform, arguments)
        row = under_load(door, what, command)
        row.tell(command.steps)
        good &= row.lost + command.lost == 0
        if limit and row.seconds > limit:
            print(f"  over its limit of {limit} s")
            good = False
    return good
