"""Our own releases and rollbacks under load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.callers import WEB, Door
from bench.platform import Platform
from bench.row import under_load
from catalog import load_catalog

LIMIT_ALL_SECONDS = 600
LIMIT_BACK_SECONDS = 15
LIMIT_OVER_START_SECONDS = 30
# Its own start, as the release awaits it: until Docker calls it healthy.
_START = """\
set -e
docker stop {name} >/dev/null
begun=$(date +%s%N)
docker start {name} >/dev/null
until [ "$(docker inspect --format '{{{{.State.Health.Status}}}}' {name})" = healthy ]
do sleep 0.05; done
echo $(( $(date +%s%N) - begun ))
"""


@dataclass
class Start:
    """The start of a service's idle slot, in seconds."""

    platform: Platform
    release: Command
    seconds: float = 0

    def __call__(self) -> None:
        """Stop it, which nobody notices, and start it."""
        (change,) = self.release.receipt["services"]
        name = f"{change['service']}-{change['slot_before']}"
        self.seconds = int(self.platform.remote(_START.format(name=name))) / 1e9


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
    door = Door.of(platform.outputs)
    good = [
        _released(platform, door, one),
        _kept(platform, door, "its rollback", ["rollback"], LIMIT_BACK_SECONDS),
        _kept(
            platform,
            door,
            f"release of all {len(everything)} in one set",
            ["release", *everything, "--watch", "0"],
            LIMIT_ALL_SECONDS,
        ),
        _kept(platform, door, "their rollback", ["rollback"], LIMIT_BACK_SECONDS),
    ]
    return all(good)


def _released(platform: Platform, door: Door, one: Sequence[str]) -> bool:
    """Release one service; whether it lost nothing, and cost not much more than the start."""
    release = Command(platform, ["release", *one, "--watch", "0"])
    row = under_load(door, "release of one service", release)
    row.tell(release.steps)
    start = Start(platform, release)
    under_load(door, "its container's own start", start).tell(f"({start.seconds:.1f} s)")
    over = release.switched - start.seconds
    print(f"  switched {over:.1f} s over that start (limit {LIMIT_OVER_START_SECONDS} s)")
    return row.lost + release.lost == 0 and over <= LIMIT_OVER_START_SECONDS


def _kept(
    platform: Platform, door: Door, what: str, arguments: Sequence[str], limit: float
) -> bool:
    """Run a command under load; whether it lost nothing within its limit."""
    command = Command(platform, list(arguments))
    row = under_load(door, what, command)
    row.tell(command.steps)
    # A rollback has done its work when it has switched: what it writes down comes after.
    taken = command.switched if arguments == ["rollback"] else row.seconds
    if taken > limit:
        print(f"  over its limit of {limit} s")
    return row.lost + command.lost == 0 and taken <= limit
