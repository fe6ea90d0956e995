"""Waves keep the order, fit into the memory, and never start too many containers at once."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.release.waves import DoesNotFitError, Memory, NewSlot, plan


@st.composite
def sets(draw: st.DrawFn) -> list[NewSlot]:
    limits = draw(st.lists(st.tuples(st.integers(1, 512), st.integers(0, 512)), max_size=33))
    return [
        NewSlot(service=f"s{i}", memory=memory, replaces=old)
        for i, (memory, old) in enumerate(limits)
    ]


def server(free: int, running: int = 2000) -> Memory:
    return Memory(server="main", total=1024 + running + free, running=running)


def same(count: int, memory: int) -> list[NewSlot]:
    return [NewSlot(service=f"s{i}", memory=memory, replaces=memory) for i in range(count)]


def by_name(slots: list[NewSlot]) -> dict[str, NewSlot]:
    return {slot.service: slot for slot in slots}


@given(sets(), st.integers(0, 8192), st.integers(1, 12))
def test_an_atomic_set_fits_at_once_and_keeps_its_order(
    slots: list[NewSlot], free: int, at_once: int
) -> None:
    needed = sum(slot.memory for slot in slots)
    try:
        waves = plan(slots, server(free), at_once=at_once)
    except DoesNotFitError as refusal:
        assert needed > free
        assert (refusal.needed, refusal.free) == (needed, free)
        assert refusal.largest.memory == max(slot.memory for slot in slots)
        return
    assert needed <= free
    assert [name for wave in waves for name in wave] == [slot.service for slot in slots]
    assert all(1 <= len(wave) <= at_once for wave in waves)


@given(sets(), st.integers(0, 1024), st.integers(1, 12))
def test_waves_one_after_another_each_fit_beside_what_runs_then(
    slots: list[NewSlot], free: int, at_once: int
) -> None:
    named = by_name(slots)
    try:
        waves = plan(slots, server(free), atomic=False, at_once=at_once)
    except DoesNotFitError as refusal:
        # Whatever the waves, when a slot's turn comes all before it have retired.
        left = free
        for slot in slots:
            if slot.memory > left:
                assert (refusal.needed, refusal.free) == (slot.memory, left)
                return
            left += slot.replaces - slot.memory
        pytest.fail("refused, but each slot fits at its turn")
    assert [name for wave in waves for name in wave] == [slot.service for slot in slots]
    for wave in waves:
        assert 1 <= len(wave) <= at_once
        assert sum(named[name].memory for name in wave) <= free
        free += sum(named[name].replaces - named[name].memory for name in wave)


@given(sets().map(lambda slots: slots[:8]), st.integers(0, 1024), st.integers(1, 4))
@example(same(3, 100), 200, 2)
def test_there_are_as_few_waves_as_can_be(slots: list[NewSlot], free: int, at_once: int) -> None:
    try:
        waves = plan(slots, server(free), atomic=False, at_once=at_once)
    except DoesNotFitError:
        return
    assert len(waves) == fewest(slots, free, at_once)


def fewest(slots: list[NewSlot], free: int, at_once: int) -> float:
    """The fewest waves of all ways to cut the set."""
    if not slots:
        return 0
    best = float("inf")
    for size in range(1, min(at_once, len(slots)) + 1):
        wave = slots[:size]
        if sum(slot.memory for slot in wave) <= free:
            left = free + sum(slot.replaces - slot.memory for slot in wave)
            best = min(best, 1 + fewest(slots[size:], left, at_once))
    return best


def test_all_33_start_in_three_waves_of_at_most_twelve() -> None:
    waves = plan(same(33, 192), server(33 * 192))
    assert [len(wave) for wave in waves] == [12, 12, 9]


def test_a_refusal_has_the_figures_and_what_would_help() -> None:
    slots = [*same(3, 256), NewSlot(service="big", memory=512, replaces=512)]
    with pytest.raises(DoesNotFitError) as refused:
        plan(slots, Memory(server="main", total=8192, running=6568))
    assert str(refused.value).splitlines() == [
        "main: the new slots need 1280 MiB at once, 600 MiB are free; nothing was touched.",
        "8192 MiB in all, 1024 MiB for the system, 6568 MiB promised to containers",
        "largest: big with 512 MiB",
        "remedy: release services of 680 MiB later; or give up the one flip for all: flipped one "
        "after another, they fit in 3 waves; or retire idle slots, lower memory limits, or take "
        "a larger server",
    ]


def test_not_even_one_that_fits_is_refused_in_waves_too() -> None:
    with pytest.raises(
        DoesNotFitError, match=r"s0 does not fit even alone(.|\n)*\(57 MiB are missing"
    ):
        plan(same(2, 157), server(100), atomic=False)


def test_more_promised_than_there_is_leaves_nothing_free() -> None:
    memory = Memory(server="main", total=4096, running=4000)
    with pytest.raises(DoesNotFitError, match="0 MiB are free") as refused:
        plan(same(1, 100), memory)
    assert refused.value.free == -928


def test_an_empty_set_has_no_waves_even_on_a_full_server() -> None:
    assert plan([], Memory(server="main", total=1024, running=4000)) == ()


@pytest.mark.parametrize(
    ("slots", "at_once", "said"),
    [
        (same(1, 100), 0, "at_once"),
        (same(1, 0), 12, "1 MiB or more"),
        (same(1, 100) * 2, 12, "twice: s0, s0"),
    ],
)
def test_senseless_input_is_a_fault_of_the_caller(
    slots: list[NewSlot], at_once: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        plan(slots, server(1000), at_once=at_once)
