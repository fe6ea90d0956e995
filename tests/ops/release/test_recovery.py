"""What a killed release left is found by its receipt, and put right."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.release import receipt
from ops.release.receipt import Outcome
from ops.release.recovery import recovered
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
