"""A receipt that is on the disk while its release happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.failures import OpsError
from ops.release import receipt
from ops.release.receipt import Outcome, Receipt
from ops.release.recorder import Recorder


def recorder(folder: Path) -> Recorder:
    return Recorder(folder=folder, stack="staging", kind="release", services=(), plan_hash="4f1c")


def on_disk(folder: Path) -> Receipt:
    (found,) = receipt.read_all(folder, "staging").receipts
    return found


def test_a_step_is_written_before_it_begins_and_when_it_has_ended(tmp_path: Path) -> None:
    writing = recorder(tmp_path)
    with writing.step("flip"):
        during = on_disk(tmp_path)
        assert (during.outcome, during.reason, during.steps) == (Outcome.RUNNING, "flip", ())
    after = on_disk(tmp_path)
    assert after.outcome is Outcome.RUNNING
    assert [(step.name, step.outcome) for step in after.steps] == [("flip", "done")]
    done = writing.write(Outcome.RELEASED)
    assert on_disk(tmp_path) == done
    assert done.started <= done.steps[0].started <= done.ended


@pytest.mark.parametrize("error", [OpsError("no"), KeyError("no"), KeyboardInterrupt()], ids=repr)
def test_a_step_that_fails_or_is_interrupted_is_a_failed_one(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)), recorder(tmp_path).step("watch"):
        raise error
    found = on_disk(tmp_path)
    assert (found.outcome, found.reason) == (Outcome.RUNNING, "watch")
    assert found.steps[0].is_failed


def test_nothing_begins_without_a_receipt(tmp_path: Path) -> None:
    (tmp_path / "staging").write_text("in the way")
    begun: list[str] = []
    with pytest.raises(OpsError, match="cannot be written"), recorder(tmp_path).step("flip"):
        begun.append("flip")
    assert begun == []


def test_a_full_disk_does_not_stop_the_way_back(tmp_path: Path) -> None:
    writing = recorder(tmp_path)
    with writing.step("flip"):
        pass
    file = next((tmp_path / "staging").glob("*.json"))
    for found in (tmp_path / "staging").iterdir():
        found.unlink()
    file.parent.rmdir()
    file.parent.write_text("in the way")
    with writing.step("flip back"):
        pass
    assert [step.outcome for step in writing.steps] == ["done", "done"]
    with pytest.raises(OpsError, match=r"(?s)cannot be written.*The release is rolled-back: slow"):
        writing.write(Outcome.ROLLED_BACK, reason="slow")
