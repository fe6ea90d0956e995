"""The prober's figures: written by its thread, read by the command's."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ops.release.histogram import Histogram
from ops.release.probe_report import Counts, Failure, HostReport, Kind, Phase, ProbeReport

KEPT_FAILURES = 200
FIRST_PHASE = "start"


@dataclass
class _Tally:
    sent: int = 0
    failed: int = 0
    reopened: int = 0
    durations: Histogram = field(default_factory=Histogram)

    def include(self, other: _Tally) -> None:
        self.sent += other.sent
        self.failed += other.failed
        self.reopened += other.reopened
        self.durations.include(other.durations)

    def counts(self) -> Counts:
        return Counts(
            sent=self.sent,
            failed=self.failed,
            reopened=self.reopened,
            p50_ms=_milliseconds(self.durations.quantile(0.5)),
            p99_ms=_milliseconds(self.durations.quantile(0.99)),
        )


@dataclass
class _Host:
    tallies: dict[Kind, _Tally] = field(default_factory=dict[Kind, _Tally])
    statuses: Counter[int] = field(default_factory=Counter[int])
    first: Failure | None = None
    last: Failure | None = None


@dataclass
class _Phase:
    name: str
    started: datetime
    sent: int = 0
    failed: int = 0


class Stats:
    """Counts of all probes. Every method may be called from any thread."""

    def __init__(self, hosts: Iterable[str], now: Callable[[], datetime] | None = None) -> None:
        """Empty figures of these hosts; `now` is the clock."""
        self._now = now or (lambda: datetime.now(UTC))
        self._changed = threading.Condition()
        self._hosts = {host: _Host() for host in hosts}
        self._started = self._now()
        self._ended: datetime | None = None
        self._phases = [_Phase(FIRST_PHASE, self._started)]
        self._first: Failure | None = None
        self._last: Failure | None = None
        self._failures: list[Failure] = []
        self._broken = ""

    def answered(self, host: str, kind: Kind, *, seconds: float, status: int | None = None) -> None:
        """Count a request with an answer; a status of 500 or more is a failure."""
        with self._changed:
            if status is not None:
                self._hosts[host].statuses[status] += 1
            if status is not None and status >= 500:
                self._fail(host, kind, f"answered {status}")
            else:
                self._count(host, kind).durations.add(seconds)

    def failed(self, host: str, kind: Kind, reason: str) -> None:
        """Count a request that got no answer."""
        with self._changed:
            self._fail(host, kind, reason)

    def reopened(self, host: str, kind: Kind) -> None:
        """Count a connection that the server closed while no request was under way."""
        with self._changed:
            self._tally(host, kind).reopened += 1

    def mark(self, name: str) -> None:
        """Begin a phase."""
        with self._changed:
            self._phases.append(_Phase(name, self._now()))

    def end(self, broken: str = "") -> None:
        """Nothing is counted any more; `broken` says why it ended early, if it did."""
        with self._changed:
            self._ended = self._ended or self._now()
            self._broken = self._broken or broken
            self._changed.notify_all()

    def wait_for_each_host(self, count: int, seconds: float) -> bool:
        """Wait until every host has `count` more outcomes; False when it took too long or ended."""
        with self._changed:
            wanted = {host: self._sent(host) + count for host in self._hosts}

            def reached() -> bool:
                return all(self._sent(host) >= sent for host, sent in wanted.items())

            self._changed.wait_for(lambda: reached() or self._ended is not None, seconds)
            return reached()

    def report(self) -> ProbeReport:
        """The figures until now."""
        with self._changed:
            kinds: dict[Kind, _Tally] = {}
            for host in self._hosts.values():
                for kind, tally in host.tallies.items():
                    kinds.setdefault(kind, _Tally()).include(tally)
            return ProbeReport(
                **dict(_total(kinds.values()).counts()),
                started=self._started,
                ended=self._ended or self._now(),
                first_failure=self._first,
                last_failure=self._last,
                kinds={kind: tally.counts() for kind, tally in sorted(kinds.items())},
                hosts=tuple(_host_report(name, host) for name, host in self._hosts.items()),
                phases=tuple(
                    Phase(name=p.name, started=p.started, sent=p.sent, failed=p.failed)
                    for p in self._phases
                ),
                failures=tuple(self._failures),
                broken=self._broken,
            )

    def _sent(self, host: str) -> int:
        return sum(tally.sent for tally in self._hosts[host].tallies.values())

    def _tally(self, host: str, kind: Kind) -> _Tally:
        return self._hosts[host].tallies.setdefault(kind, _Tally())

    def _count(self, host: str, kind: Kind) -> _Tally:
        tally = self._tally(host, kind)
        tally.sent += 1
        self._phases[-1].sent += 1
        self._changed.notify_all()
        return tally

    def _fail(self, host: str, kind: Kind, reason: str) -> None:
        self._count(host, kind).failed += 1
        self._phases[-1].failed += 1
        failure = Failure(at=self._now(), host=host, kind=kind, reason=reason)
        of_host = self._hosts[host]
        of_host.first, of_host.last = of_host.first or failure, failure
        self._first, self._last = self._first or failure, failure
        if len(self._failures) < KEPT_FAILURES:
            self._failures.append(failure)


def _total(tallies: Iterable[_Tally]) -> _Tally:
    total = _Tally()
    for tally in tallies:
        total.include(tally)
    return total


def _host_report(name: str, host: _Host) -> HostReport:
    return HostReport(
        **dict(_total(host.tallies.values()).counts()),
        host=name,
        statuses=dict(sorted(host.statuses.items())),
        first_failure=host.first,
        last_failure=host.last,
        kinds={kind: tally.counts() for kind, tally in sorted(host.tallies.items())},
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
