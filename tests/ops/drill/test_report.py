"""What a drill's report calls a problem, and what it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.drill.plan import Variant
from ops.drill.rebuild import window
from ops.drill.report import Report, Timed
from ops.drill.rows import Table, differing

BEGAN = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
WELL = Report(
    stack="staging",
    variant=Variant.EVERYTHING,
    commit="8ee50c2",
    began=BEGAN,
    steps=[Timed(name="./manacore up", seconds=61.5)],
    rto_seconds=120,
    rpo_seconds=30.5,
    rows_written=3120,
    rows_lost=120,
    rows_compared=3039,
    tables_compared=12,
    differing=[],
    healthy=39,
    services=39,
    changes={},
    stray_records=[],
    same_certificate=False,
)


def test_rows_written_after_the_backup_are_lost_with_the_volume_and_no_problem() -> None:
    assert WELL.problems == []
    assert replace(WELL, variant=Variant.SERVER).problems == ["120 rows are lost"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"differing": ["chat.public.items: 9 rows before, 8 rows after"]}, "chat.public.items"),
        ({"healthy": 38}, "38 of 39"),
        ({"changes": {"update": 1}}, "preview"),
        ({"stray_records": ["www.manacore.ai"]}, "www.manacore.ai"),
    ],
)
def test_what_is_not_as_it_was_is_a_problem(bad: dict[str, object], said: str) -> None:
    found = replace(WELL, **bad)  # type: ignore[arg-type]
    assert said in " ".join(found.problems)
    assert said in found.text()


def test_a_report_is_written_for_programs_and_for_people(tmp_path: Path) -> None:
    file = WELL.write(tmp_path)
    assert file == tmp_path / "staging" / "20261125T200000Z-everything.json"
    told = json.loads(file.read_text())
    assert (told["rto_seconds"], told["variant"], told["problems"]) == (120, "everything", [])
    assert told["steps"] == [{"name": "./manacore up", "seconds": 61.5}]
    text = file.with_suffix(".txt").read_text()
    for said in ("./manacore up", "61.5", "120 s (2.0 min)", "39/39", "another one", "8ee50c2"):
        assert said in text


def test_a_table_that_lost_a_row_changed_one_or_is_gone_differs() -> None:
    before = {name: Table(rows=3, digest="a") for name in ("same", "fewer", "changed", "gone")}
    after = {
        "same": Table(rows=3, digest="a"),
        "fewer": Table(rows=2, digest="b"),
        "changed": Table(rows=3, digest="b"),
        "new": Table(rows=0, digest="0"),
    }
    assert differing([before], after) == [
        "changed: 3 rows before, 3 rows after",
        "fewer: 3 rows before, 2 rows after",
        "gone: 3 rows before, no table after",
        "new: no table before, 0 rows after",
    ]


def test_of_a_lost_volume_a_table_is_as_at_the_loss_or_as_it_was_archived() -> None:
    archived = {name: Table(rows=3, digest="a") for name in ("all", "less", "other")}
    lost = {name: Table(rows=5, digest="b") for name in archived}
    after = {"all": lost["all"], "less": archived["less"], "other": Table(rows=4, digest="c")}
    assert differing([archived, lost], after) == ["other: 3 rows or 5 rows before, 4 rows after"]


def test_what_is_lost_reaches_back_to_the_newest_row_that_is_there() -> None:
    assert window(0, BEGAN, BEGAN + timedelta(hours=1)) == 0, "nothing is lost"
    assert window(5, BEGAN, BEGAN + timedelta(seconds=42.25)) == 42.2
    assert window(5, None, BEGAN) is None, "no row came back: there is no measure"
