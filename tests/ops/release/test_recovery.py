"""What a killed release left is found by its receipt, and put right."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from ops.release import receipt
from ops.release.receipt import Outcome, Step
from ops.release.recovery import START_EARLIER, recovered, unsettled
from stacks.ledger import Entry, Ledger, Slot
from tests.ops.release import receipts

OLD, NEW, OTHER = receipts.image("one"), receipts.image("two"), receipts.image("three")


def ledger(live: Slot = Slot.BLUE, green: str | None = NEW) -> Ledger:
    return Ledger({"chat-backend": Entry(live=live, blue=OLD, green=green)})


def left(folder: Path, outcome: Outcome = Outcome.RUNNING) -> receipt.Receipt:
    found = receipts.receipt(outcome=outcome)
    receipt.write(folder, found)
    return found


def test_before_the_switch_the_new_slot_is_emptied(tmp_path: Path) -> None:
    found = left(tmp_path)
    assert recovered(tmp_path, "staging", ledger()) == ledger(green=None)
    written = receipt.read(tmp_path, "staging", found.id)
    assert written.outcome is Outcome.INTERRUPTED
    assert "nothing was switched" in written.reason


def test_after_the_switch_the_new_version_stays(tmp_path: Path) -> None:
    found = left(tmp_path)
    switched = ledger(live=Slot.GREEN)
    assert recovered(tmp_path, "staging", switched) == switched
    assert "its versions are live" in receipt.read(tmp_path, "staging", found.id).reason


def test_a_slot_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    left(tmp_path)
    assert recovered(tmp_path, "staging", ledger(green=OTHER)) == ledger(green=OTHER)


@pytest.mark.parametrize("outcome", [Outcome.RELEASED, Outcome.FAILED, Outcome.INTERRUPTED])
def test_what_has_ended_is_left_alone(tmp_path: Path, outcome: Outcome) -> None:
    found = left(tmp_path, outcome)
    assert recovered(tmp_path, "staging", ledger()) == ledger()
    assert receipt.read(tmp_path, "staging", found.id) == found


def test_what_a_killed_rollback_was_starting_is_emptied_and_a_warm_slot_is_not(
    tmp_path: Path,
) -> None:
    cold = receipts.receipt(kind="rollback", outcome=Outcome.RUNNING)
    receipt.write(tmp_path, cold.model_copy(update={"reason": f"{START_EARLIER} 1 of 2"}))
    assert recovered(tmp_path, "staging", ledger()) == ledger(green=None)
    warm = receipts.receipt(kind="rollback", outcome=Outcome.RUNNING)
    receipt.write(tmp_path, warm.model_copy(update={"reason": "flip"}))
    assert recovered(tmp_path, "staging", ledger()) == ledger()


@pytest.mark.parametrize(
    ("outcome", "last", "expected"),
    [
        (Outcome.RELEASED, "done", False),
        (Outcome.ROLLED_BACK, "failed", False),
        (Outcome.FAILED, "done", False),
        (Outcome.FAILED, "failed", True),
        (Outcome.INTERRUPTED, "done", True),
        (Outcome.RUNNING, "done", True),
    ],
)
def test_servers_may_not_be_what_the_ledger_says_after_a_kill_or_a_failed_way_back(
    tmp_path: Path, outcome: Outcome, last: Literal["done", "failed"], *, expected: bool
) -> None:
    assert not unsettled(tmp_path, "staging")
    receipt.write(tmp_path, receipts.receipt(outcome=Outcome.INTERRUPTED, days_ago=1))
    steps = (Step(name="flip back", started=receipts.NOW, seconds=1, outcome=last),)
    newest = receipts.receipt(outcome=outcome).model_copy(update={"steps": steps})
    receipt.write(tmp_path, newest)
    assert unsettled(tmp_path, "staging") == ({"chat-backend"} if expected else set())
