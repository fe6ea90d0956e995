"""The plan's figures, from receipts."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ops.release.history import Kpis, kpi_lines, kpis, table
from ops.release.receipt import Outcome, Receipt, Watch
from tests.ops.release.receipts import NOW, receipt

RELEASES = st.builds(
    receipt,
    outcome=st.sampled_from(Outcome),
    days_ago=st.floats(0, 60),
    seconds=st.floats(0, 1000),
    before=st.sampled_from(["one", "two", "three"]),
    after=st.sampled_from(["one", "two", "three"]),
    requests=st.none() | st.integers(0, 3),
)
ROLLBACKS = st.builds(
    receipt,
    kind=st.just("rollback"),
    outcome=st.sampled_from([o for o in Outcome if o is not Outcome.RELEASED]),
    days_ago=st.floats(0, 60),
    before=st.sampled_from(["one", "two", "three"]),
    after=st.sampled_from(["one", "two", "three"]),
)
HISTORIES = st.lists(RELEASES | ROLLBACKS, max_size=12)


@given(HISTORIES, st.data())
def test_the_order_of_the_receipts_does_not_matter(
    history: list[Receipt], data: st.DataObject
) -> None:
    assert kpis(data.draw(st.permutations(history)), NOW) == kpis(history, NOW)


@given(HISTORIES)
def test_shares_are_shares_and_the_median_is_never_above_p90(history: list[Receipt]) -> None:
    found = kpis(history, NOW)
    for share in (found.success_rate, found.change_failure_rate):
        assert share is None or 0 <= share <= 1
    if found.median_seconds is not None:
        assert found.p90_seconds is not None
        assert found.median_seconds <= found.p90_seconds
    assert found.sent >= found.failed


def test_without_receipts_there_are_no_medians_and_no_rates() -> None:
    assert kpis([], NOW) == Kpis(
        per_week=0,
        median_seconds=None,
        p90_seconds=None,
        success_rate=None,
        change_failure_rate=None,
        median_rollback_seconds=None,
        sent=0,
        failed=0,
    )
    assert "median -" in kpi_lines(kpis([], NOW))[1]


def test_the_frequency_is_of_the_releases_that_went_live_in_the_last_thirty_days() -> None:
    history = [
        *(receipt(days_ago=days) for days in (0, 5, 10, 20, 29)),
        receipt(outcome=Outcome.ROLLED_BACK, days_ago=3),
        receipt(outcome=Outcome.FAILED, days_ago=1),
        receipt(outcome=Outcome.REFUSED, days_ago=1),
        receipt("rollback", Outcome.ROLLED_BACK, days_ago=1),
        receipt(days_ago=31),
    ]
    assert kpis(history, NOW).per_week == pytest.approx(6 / 30 * 7)
    assert kpis(history, NOW + timedelta(days=100)).per_week == 0


def test_durations_are_of_the_releases_that_stayed_live() -> None:
    history = [receipt(seconds=seconds, days_ago=seconds) for seconds in range(10, 110, 10)]
    history.append(receipt(outcome=Outcome.FAILED, seconds=9999))
    found = kpis(history, NOW)
    assert (found.median_seconds, found.p90_seconds) == (55, 90)


def test_a_refused_release_was_not_begun_and_is_in_no_rate() -> None:
    history = [
        receipt(days_ago=4),
        receipt(days_ago=3, outcome=Outcome.FAILED),
        receipt(days_ago=2, outcome=Outcome.ROLLED_BACK),
        receipt(days_ago=1, outcome=Outcome.REFUSED),
    ]
    found = kpis(history, NOW)
    assert found.success_rate == pytest.approx(1 / 3)
    assert found.change_failure_rate == pytest.approx(1 / 2)


def test_a_release_that_a_later_rollback_undoes_has_failed() -> None:
    history = [
        receipt(days_ago=4, before="one", after="two"),
        receipt(days_ago=3, before="two", after="three"),
        receipt("rollback", Outcome.ROLLED_BACK, days_ago=2, before="three", after="two"),
    ]
    assert kpis(history, NOW).change_failure_rate == pytest.approx(1 / 2)


def test_a_rollback_that_failed_or_of_another_service_undoes_nothing() -> None:
    history = [
        receipt(days_ago=4, after="two"),
        receipt("rollback", Outcome.FAILED, days_ago=2, before="two", after="one"),
        receipt(
            "rollback",
            Outcome.ROLLED_BACK,
            days_ago=1,
            before="two",
            after="one",
            service="chat-web",
        ),
    ]
    assert kpis(history, NOW).change_failure_rate == 0


def test_rollbacks_are_those_of_people_and_those_of_the_watch() -> None:
    history = [
        receipt("rollback", Outcome.ROLLED_BACK, seconds=9),
        receipt(outcome=Outcome.ROLLED_BACK, watch=Watch(seconds=300, rolled_back_seconds=1)),
        receipt("rollback", Outcome.FAILED, seconds=9999),
    ]
    assert kpis(history, NOW).median_rollback_seconds == 5


def test_requests_are_summed_over_all_receipts() -> None:
    found = kpis([receipt(requests=10), receipt(requests=5), receipt()], NOW)
    assert (found.sent, found.failed) == (15, 2)
    assert kpi_lines(found)[-1] == "requests during releases: 15 sent, 2 failed"


def test_the_table_has_a_row_for_each_receipt() -> None:
    history = [receipt(requests=10), receipt("rollback", Outcome.FAILED)]
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(table(history))
    text = console.export_text()
    assert all(one.id in text for one in history)
    assert "1/10" in text
    assert "chat-backend" in text
