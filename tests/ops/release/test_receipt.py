"""Receipts: what is in them, and that none is ever half there."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ops.release.receipt import (
    Outcome,
    Receipt,
    Watch,
    new_id,
    read,
    read_all,
    summary,
    who,
    write,
)
from tests.ops.release.receipts import receipt

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_ids_sort_as_their_moments_do(one: datetime, other: datetime) -> None:
    if abs(one - other) >= timedelta(milliseconds=1):
        assert (new_id(one) < new_id(other)) == (one < other)


def test_ids_of_the_same_moment_differ() -> None:
    now = datetime.now(UTC)
    assert len({new_id(now) for _ in range(100)}) == 100


def test_an_id_is_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert new_id(datetime(2026, 11, 25, 9, 0, 1, 42000, berlin)).startswith("20261125T080001.042Z")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = receipt(
        watch=Watch(seconds=300, breaches=("errors 12 %",), detected_seconds=4), requests=10
    )
    file = write(tmp_path, written)
    assert file == tmp_path / "staging" / f"{written.id}.json"
    assert read(tmp_path, "staging", written.id) == written


def test_a_receipt_has_a_summary_beside_it_and_leaves_nothing_else(tmp_path: Path) -> None:
    written = receipt(requests=3)
    write(tmp_path, written)
    write(tmp_path, written)
    assert sorted(file.name for file in (tmp_path / "staging").iterdir()) == [
        f"{written.id}.json",
        f"{written.id}.md",
    ]
    text = (tmp_path / "staging" / f"{written.id}.md").read_text()
    assert all(line in text for line in summary(written))


def test_a_write_that_fails_leaves_the_former_receipt_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = receipt()
    write(tmp_path, former)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, former.model_copy(update={"reason": "again"}))
    assert read(tmp_path, "staging", former.id) == former
    assert len(list((tmp_path / "staging").iterdir())) == 2


def test_receipts_are_listed_newest_first_and_a_damaged_one_hides_no_other(
    tmp_path: Path,
) -> None:
    written = [receipt(days_ago=days) for days in (2, 0, 1)]
    for one in written:
        write(tmp_path, one)
    folder = tmp_path / "staging"
    (folder / "20000101T000000.000Z-aaaaaa.json").write_text("{")
    (folder / "20000101T000000.000Z-bbbbbb.json").write_text(written[0].model_dump_json())
    (folder / "20000101T000000.000Z-cccccc.json").write_bytes(b"\xff\xfe")
    found = read_all(tmp_path, "staging")
    assert found.receipts == [written[1], written[2], written[0]]
    assert [line.partition(": ")[0][-11:-5] for line in found.damaged] == [
        "cccccc",
        "bbbbbb",
        "aaaaaa",
    ]
    assert f"is the receipt staging/{written[0].id}" in found.damaged[1]


def test_a_stack_without_receipts_has_none(tmp_path: Path) -> None:
    assert read_all(tmp_path, "staging") == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../etc/passwd"},
        {"stack": "../production"},
        {"outcome": "fine"},
        {"started": "2026-11-25T08:00:00"},
        {"surprise": 1},
        {"kind": "rollback", "outcome": "released"},
    ],
)
def test_what_no_receipt_can_say_is_refused(change: dict[str, Any]) -> None:
    document = json.loads(receipt().model_dump_json())
    with pytest.raises(ValidationError):
        Receipt.model_validate(document | change)


def test_times_are_kept_in_utc() -> None:
    document = json.loads(receipt().model_dump_json()) | {"started": "2026-11-25T09:00:00+01:00"}
    again = Receipt.model_validate(document)
    assert json.loads(again.model_dump_json())["started"] == "2026-11-25T08:00:00Z"


def test_a_clock_that_was_set_back_does_not_cost_the_receipt() -> None:
    assert receipt(seconds=-5).seconds == 0


def test_the_summary_says_what_changed_what_was_seen_and_what_was_lost() -> None:
    watch = Watch(
        seconds=300,
        breaches=("chat-backend: 12.0 % errors, limit 5 %",),
        detected_seconds=7,
        rolled_back_seconds=0.8,
    )
    lines = summary(receipt(outcome=Outcome.ROLLED_BACK, watch=watch, requests=10))
    assert lines[0] == "release of staging by anna@desk: rolled-back"
    assert lines[1] == "2026-11-25 08:00:00 UTC, 60.0 s, plan 4f1c2ab04f1c"
    assert "chat-backend: one (blue) -> two (green)" in lines
    assert "flip: done, 0.4 s" in lines
    assert "watch: chat-backend: 12.0 % errors, limit 5 %" in lines
    assert "detected after 7.0 s" in lines
    assert "rolled back within 0.8 s" in lines
    assert any(line.startswith("requests: 10 sent, 1 failed, p50 10.") for line in lines)
    assert lines[-1].endswith("chat-backend.example.com keep-alive: reset")


def test_who_is_the_workflows_actor_or_the_machines_user() -> None:
    assert who({"GITHUB_ACTOR": "wuesteon"}) == "wuesteon"
    assert "@" in who({})
