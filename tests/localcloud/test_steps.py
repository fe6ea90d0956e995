"""Steps and their times."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from localcloud.steps import HANDED_OVER, Steps


def test_a_step_says_what_it_does_and_how_long_it_took() -> None:
    steps = Steps(out=io.StringIO())
    with steps.step("engine", "building it"):
        pass
    said = steps.out.getvalue()  # type: ignore[attr-defined]
    assert "engine: building it" in said
    assert "engine: done in" in said


def test_a_failed_step_is_marked_and_the_failure_passed_on() -> None:
    steps = Steps(out=io.StringIO())
    with pytest.raises(ValueError, match="broken"), steps.step("images"):
        raise ValueError("broken")
    assert steps.done[0].failed
    assert "failed" in steps.table()


def test_steps_beside_each_other_are_all_in_the_table() -> None:
    steps = Steps(out=io.StringIO())

    def run(name: str) -> None:
        with steps.step(name):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, [f"step {n}" for n in range(8)]))
    table = steps.table()
    assert all(f"step {n}" in table for n in range(8))
    assert table.splitlines()[-1].lstrip().startswith("total")


def test_times_are_handed_over_to_the_next_program(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Steps(out=io.StringIO())
    with first.step("virtual environment"):
        pass
    monkeypatch.setenv(HANDED_OVER, first.hand_over()[HANDED_OVER])
    second = Steps.taken_over()
    assert [step.name for step in second.done] == ["virtual environment"]
    assert second.started == first.started
    assert Steps.taken_over().done == [], "they are taken over once"
