"""In which waves new slots start, so that they fit into a server's memory beside the old ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ops.failures import OpsError

SYSTEM_MIB = 1024
START_AT_ONCE = 12


@dataclass(frozen=True, kw_only=True)
class NewSlot:
    """A slot to start: its service, its memory limit, and that of the slot it takes over from.

    `replaces` is what comes free when the old slot retires, in MiB; 0 at a first release.
    """

    service: str
    memory: int
    replaces: int = 0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A server's memory in MiB.

    `running` is the sum of the limits of all its containers, idle slots too, but for the idle
    slots that this release replaces. `reserved` is the system's own.
    """

    server: str
    total: int
    running: int
    reserved: int = SYSTEM_MIB

    @property
    def free(self) -> int:
        """What new slots can have; negative when more is promised than there is."""
        return self.total - self.reserved - self.running


class DoesNotFitError(OpsError):
    """The new slots do not fit; nothing was touched. All figures are MiB."""

    def __init__(self, memory: Memory, *, needed: int, free: int, largest: NewSlot, remedy: str):
        """`needed` has to fit into `free` at one time, `largest` is the service that asks most."""
        self.server = memory.server
        self.needed = needed
        self.free = free
        self.largest = largest
        self.remedy = remedy
        super().__init__(
            message=f"{memory.server}: the new slots need {needed} MiB at once, "
            f"{max(free, 0)} MiB are free; nothing was touched.",
            details=(
                f"{memory.total} MiB in all, {memory.reserved} MiB for the system, "
                f"{memory.running} MiB promised to containers",
                f"largest: {largest.service} with {largest.memory} MiB",
                f"remedy: {remedy}",
            ),
        )


def plan(
    slots: Sequence[NewSlot],
    memory: Memory,
    *,
    atomic: bool = True,
    at_once: int = START_AT_ONCE,
) -> tuple[tuple[str, ...], ...]:
    """The waves in which slots start, as names of their services in the order given.

    `slots` are in start order, dependencies first; at most `at_once` of a wave's containers
    start together. An atomic set has one flip at its end, so all its slots have to fit at the
    same time. Else each wave is flipped and its old slots retire before the next one starts.
    Raises `DoesNotFitError`.
    """
    if at_once < 1:
        raise ValueError(f"at_once is {at_once}: expected 1 or more")
    names = [slot.service for slot in slots]
    if len(set(names)) < len(names):
        raise ValueError(f"a service is in the set twice: {', '.join(sorted(names))}")
    if any(slot.memory < 1 or slot.replaces < 0 for slot in slots):
        raise ValueError("a slot's memory limit is 1 MiB or more")
    if not atomic:
        return _one_after_another(slots, memory, at_once)
    needed = sum(slot.memory for slot in slots)
    if slots and needed > memory.free:
        raise DoesNotFitError(
            memory,
            needed=needed,
            free=memory.free,
            largest=_largest(slots),
            remedy=_remedy(slots, memory, at_once),
        )
    return tuple(tuple(names[i : i + at_once]) for i in range(0, len(names), at_once))


def _one_after_another(
    slots: Sequence[NewSlot], memory: Memory, at_once: int
) -> tuple[tuple[str, ...], ...]:
    waves: list[tuple[str, ...]] = []
    wave: list[NewSlot] = []
    free = memory.free
    for slot in slots:
        taken = sum(other.memory for other in wave)
        if wave and (len(wave) == at_once or taken + slot.memory > free):
            waves.append(tuple(other.service for other in wave))
            free += sum(other.replaces - other.memory for other in wave)
            wave = []
        if not wave and slot.memory > free:
            raise DoesNotFitError(
                memory,
                needed=slot.memory,
                free=free,
                largest=_largest(slots),
                remedy=f"{slot.service} does not fit even alone: {_LESS_OR_MORE} "
                f"({slot.memory - free} MiB are missing)",
            )
        wave.append(slot)
    if wave:
        waves.append(tuple(other.service for other in wave))
    return tuple(waves)


_LESS_OR_MORE = "retire idle slots, lower memory limits, or take a larger server"


def _remedy(slots: Sequence[NewSlot], memory: Memory, at_once: int) -> str:
    missing = sum(slot.memory for slot in slots) - memory.free
    try:
        waves = _one_after_another(slots, memory, at_once)
    except DoesNotFitError:
        return f"{_LESS_OR_MORE} ({missing} MiB are missing)"
    return (
        f"release services of {missing} MiB later; or give up the one flip for all: "
        f"flipped one after another, they fit in {len(waves)} waves; or {_LESS_OR_MORE}"
    )


def _largest(slots: Sequence[NewSlot]) -> NewSlot:
    return max(slots, key=lambda slot: slot.memory)
