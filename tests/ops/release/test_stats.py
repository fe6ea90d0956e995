"""What is counted, and how it is reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ops.release.probe_report import Kind, ProbeReport
from ops.release.stats import KEPT_FAILURES, Stats

START = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_requests_are_counted_by_host_by_kind_and_in_total() -> None:
    stats = Stats(["a", "b"])
    stats.answered("a", Kind.KEEP_ALIVE, seconds=0.010, status=200)
    stats.answered("a", Kind.UPLOAD, seconds=0.020, status=404)
    stats.failed("b", Kind.KEEP_ALIVE, "refused")
    stats.reopened("b", Kind.KEEP_ALIVE)
    report = stats.report()
    assert (report.sent, report.failed, report.reopened) == (3, 1, 1)
    assert [(host.host, host.sent, host.failed) for host in report.hosts] == [
        ("a", 2, 0),
        ("b", 1, 1),
    ]
    kinds = {kind: (counts.sent, counts.failed) for kind, counts in report.kinds.items()}
    assert kinds == {Kind.KEEP_ALIVE: (2, 1), Kind.UPLOAD: (1, 0)}
    assert report.hosts[0].statuses == {200: 1, 404: 1}


def test_an_answer_of_500_or_more_is_a_failure_and_its_duration_does_not_count() -> None:
    stats = Stats(["a"])
    stats.answered("a", Kind.KEEP_ALIVE, seconds=0.001, status=502)
    stats.answered("a", Kind.KEEP_ALIVE, seconds=0.100, status=200)
    report = stats.report()
    assert (report.sent, report.failed) == (2, 1)
    assert report.failures[0].reason == "answered 502"
    assert report.p50_ms is not None
    assert 100 <= report.p50_ms <= 105


def test_each_request_belongs_to_the_phase_in_which_it_ended() -> None:
    clock = Clock()
    stats = Stats(["a"], clock)
    stats.answered("a", Kind.KEEP_ALIVE, seconds=0.01, status=200)
    clock.pass_by(5)
    stats.mark("flip")
    stats.failed("a", Kind.KEEP_ALIVE, "reset")
    clock.pass_by(1)
    stats.mark("watch")
    report = stats.report()
    assert [(phase.name, phase.sent, phase.failed) for phase in report.phases] == [
        ("start", 1, 0),
        ("flip", 1, 1),
        ("watch", 0, 0),
    ]
    assert report.phases[1].started == START + timedelta(seconds=5)


def test_failures_are_all_counted_and_the_first_ones_kept() -> None:
    clock = Clock()
    stats = Stats(["a"], clock)
    for _ in range(KEPT_FAILURES + 100):
        stats.failed("a", Kind.NEW_CONNECTION, "refused")
        clock.pass_by(1)
    report = stats.report()
    assert report.failed == KEPT_FAILURES + 100
    assert len(report.failures) == KEPT_FAILURES
    assert report.first_failure and report.last_failure
    assert report.first_failure.at == START
    assert report.last_failure.at == START + timedelta(seconds=KEPT_FAILURES + 99)


def test_nothing_sent_has_no_durations() -> None:
    report = Stats(["a"]).report()
    assert (report.sent, report.p50_ms, report.p99_ms, report.first_failure) == (
        0,
        None,
        None,
        None,
    )


def test_the_report_is_the_same_after_json() -> None:
    stats = Stats(["a"])
    stats.answered("a", Kind.KEEP_ALIVE, seconds=0.010, status=200)
    stats.failed("a", Kind.WEBSOCKET, "WebSocket broken")
    stats.end("RuntimeError: out of memory")
    report = stats.report()
    assert ProbeReport.model_validate_json(report.model_dump_json()) == report
    assert report.broken == "RuntimeError: out of memory"


def test_waiting_ends_when_nothing_more_will_be_counted() -> None:
    stats = Stats(["a"])
    stats.end()
    assert not stats.wait_for_each_host(1, seconds=10)
