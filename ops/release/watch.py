"""The watch window after a flip: whether the new slots do as well as the old ones did.

Pure: time and figures are given, and each look gives a new `Watch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

from ops.release.metrics import Traffic, total

HEADINGS = ("service", "requests", "errors", "p95", "before", "container")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When a new slot is taken back. Times are seconds, rates are shares from 0 to 1.

    Figures are judged over the last `span`, and over as much more of the window as it takes to
    have `least_requests`: a service that is rarely asked is judged late, but is judged.
    """

    window: float = 300
    span: float = 30
    least_requests: int = 20
    error_rate: float = 0.05
    p95: float = 0.5
    times_before: float = 2
    # Caches and connections are cold right after a flip: the first requests say nothing of p95.
    warm_up: float = 10
    since: str = "the flip"


class Fault(StrEnum):
    """What can be wrong with a new slot."""

    ERRORS = "error rate"
    SLOW = "p95"
    STOPPED = "stopped"
    RESTARTED = "restarted"
    UNHEALTHY = "unhealthy"
    OOM_KILLED = "out of memory"


class Outcome(StrEnum):
    """How a watch stands."""

    WATCHING = "watching"
    HELD = "held"
    BREACHED = "breached"


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container's state. `started` tells restarts that Docker does not count in `restarts`."""

    running: bool
    restarts: int = 0
    health: str = ""
    oom_killed: bool = False
    started: str = ""
    exit_code: int = 0


def container(inspected: Mapping[str, Any] | None) -> Container:
    """The state from what `docker inspect` says; None is a container that is gone."""
    if inspected is None:
        return Container(running=False)
    state = cast("Mapping[str, Any]", inspected["State"])
    health = cast("Mapping[str, Any]", state.get("Health") or {})
    return Container(
        running=bool(state.get("Running")),
        restarts=int(inspected.get("RestartCount", 0)),
        health=str(health.get("Status", "")),
        oom_killed=bool(state.get("OOMKilled")),
        started=str(state.get("StartedAt", "")),
        exit_code=int(state.get("ExitCode", 0)),
    )


@dataclass(frozen=True, kw_only=True)
class Before:
    """What a service is compared with: the old slot's traffic, and the new container at the flip.

    An old slot with fewer requests than `Rules.least_requests` is no measure for latency.
    """

    traffic: Traffic
    container: Container


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One look at a service: its traffic since the look before, and its container.

    `beside` is the old slot's traffic in the same time, while a new one has only a share. A
    container of None could not be asked, which is no fault of the service.
    """

    traffic: Traffic = field(default_factory=Traffic)
    beside: Traffic = field(default_factory=Traffic)
    container: Container | None = None


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A rule that a new slot broke, so many seconds after the flip."""

    service: str
    what: Fault
    seen: str
    limit: str
    at_seconds: float
    since: str = "the flip"

    def __str__(self) -> str:
        """The line that a person reads."""
        return (
            f"{self.service}: {self.what}: {self.seen} (limit: {self.limit}), "
            f"{self.at_seconds:.0f} s after {self.since}"
        )


@dataclass(frozen=True, kw_only=True)
class _Watched:
    before: Before
    # Begin and end of each look's time, and what was counted in it.
    looks: tuple[tuple[float, float, Traffic], ...] = ()
    beside: Traffic = field(default_factory=Traffic)
    container: Container
    seen_at: float = 0

    def measure(self, rules: Rules) -> Traffic:
        """What the new slot is compared with: the old one beside it, when that was asked enough.

        What harms both, such as a slow database, is then no fault of the new one.
        """
        return self.beside if self.beside.timed >= rules.least_requests else self.before.traffic

    @property
    def all(self) -> Traffic:
        """The traffic of all looks."""
        return total(traffic for _, _, traffic in self.looks)

    def judged(self, now: float, rules: Rules, *, begin: float = 0) -> tuple[Traffic, float]:
        """The traffic that is judged, not older than `begin`, and the seconds it took."""
        taken: list[Traffic] = []
        requests, since = 0, now
        for start, end, traffic in reversed(self.looks):
            enough = end <= now - rules.span and requests >= rules.least_requests
            if enough or start < begin:
                break
            since = start
            if traffic.requests:
                taken.append(traffic)
                requests += traffic.requests
        return total(taken), now - since


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A watch window: begun with `start`, continued with `after`."""

    rules: Rules
    at_seconds: float
    breaches: tuple[Breach, ...]
    _services: Mapping[str, _Watched]

    @property
    def outcome(self) -> Outcome:
        """Breached at the first breach; held when the window is over without one."""
        if self.breaches:
            return Outcome.BREACHED
        return Outcome.HELD if self.at_seconds >= self.rules.window else Outcome.WATCHING

    @property
    def blind(self) -> tuple[str, ...]:
        """The services whose container has not been seen for longer than a span."""
        since = self.at_seconds - self.rules.span
        return tuple(name for name, watched in self._services.items() if watched.seen_at < since)

    def after(self, at_seconds: float, sights: Mapping[str, Sight]) -> Watch:
        """The watch after one more look; a watch that is breached or over stays as it is.

        Services that `sights` leaves out were not seen this time.
        """
        if self.outcome is not Outcome.WATCHING:
            return self
        if at_seconds < self.at_seconds:
            raise ValueError(f"{at_seconds} s is before the last look at {self.at_seconds} s")
        if unknown := set(sights) - set(self._services):
            raise ValueError(f"not watched: {', '.join(sorted(unknown))}")
        services = {
            name: self._looked(watched, at_seconds, sights.get(name, Sight()))
            for name, watched in self._services.items()
        }
        breaches = tuple(
            Breach(
                service=name,
                what=what,
                seen=seen,
                limit=limit,
                at_seconds=at_seconds,
                since=self.rules.since,
            )
            for name, watched in services.items()
            for what, seen, limit in (
                *_container_faults(watched, self.rules),
                *_error_fault(watched, at_seconds, self.rules),
                *_latency_fault(watched, at_seconds, self.rules),
            )
        )
        return replace(self, at_seconds=at_seconds, breaches=breaches, _services=services)

    def _looked(self, watched: _Watched, at_seconds: float, sight: Sight) -> _Watched:
        look = (self.at_seconds, at_seconds, sight.traffic)
        watched = replace(
            watched, looks=(*watched.looks, look), beside=watched.beside + sight.beside
        )
        if sight.container is None:
            return watched
        return replace(watched, container=sight.container, seen_at=at_seconds)

    @property
    def figures(self) -> dict[str, tuple[Traffic, Traffic]]:
        """The traffic of each service's new slot, and of the old one beside it, since the start."""
        return {name: (watched.all, watched.beside) for name, watched in self._services.items()}

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """A row per service for live progress, as `HEADINGS` names the columns."""
        return tuple(self._row(name, watched) for name, watched in self._services.items())

    def _row(self, name: str, watched: _Watched) -> tuple[str, ...]:
        before = watched.before.traffic
        now, seconds = watched.judged(self.at_seconds, self.rules)
        return (
            name,
            f"{now.requests} in {seconds:.0f} s",
            _percent(now.error_rate),
            _milliseconds(now.p95),
            f"{_percent(before.error_rate)}, {_milliseconds(before.p95)}",
            "not seen" if name in self.blind else _told(watched.container),
        )


def start(before: Mapping[str, Before], rules: Rules | None = None) -> Watch:
    """Begin the watch at the flip."""
    services = {name: _Watched(before=b, container=b.container) for name, b in before.items()}
    return Watch(rules=rules or Rules(), at_seconds=0, breaches=(), _services=services)


_Finding = tuple[Fault, str, str]


def _container_faults(watched: _Watched, rules: Rules) -> list[_Finding]:
    first, now = watched.before.container, watched.container
    found: list[_Finding] = []
    if now.oom_killed and not first.oom_killed:
        found.append((Fault.OOM_KILLED, "killed at its memory limit", "none"))
    if not now.running:
        found.append((Fault.STOPPED, f"not running (exit code {now.exit_code})", "running"))
    restarts = now.restarts - first.restarts
    if restarts > 0:
        found.append((Fault.RESTARTED, f"restarts since {rules.since}: {restarts}", "none"))
    elif now.running and first.started and now.started != first.started:
        found.append((Fault.RESTARTED, f"started again at {now.started}", "none"))
    if now.health == "unhealthy":
        found.append((Fault.UNHEALTHY, "its health check fails", "healthy"))
    return found


def _error_fault(watched: _Watched, at_seconds: float, rules: Rules) -> list[_Finding]:
    now, seconds = watched.judged(at_seconds, rules)
    rate, limit = now.error_rate, _error_limit(watched.measure(rules), rules)
    if rate is None or now.requests < rules.least_requests or rate <= limit:
        return []
    seen = f"{_percent(rate)}, {now.failed} of {now.requests} requests in {seconds:.0f} s"
    return [(Fault.ERRORS, seen, _percent(limit))]


def _latency_fault(watched: _Watched, at_seconds: float, rules: Rules) -> list[_Finding]:
    before = watched.measure(rules)
    now, seconds = watched.judged(at_seconds, rules, begin=rules.warm_up)
    if now.p95 is None or before.p95 is None:
        return []
    limit = max(rules.p95, rules.times_before * before.p95)
    if min(now.timed, before.timed) < rules.least_requests or now.p95 <= limit:
        return []
    seen = f"{_milliseconds(now.p95)} of {now.timed} requests in {seconds:.0f} s"
    return [(Fault.SLOW, seen, f"{_milliseconds(limit)}; it was {_milliseconds(before.p95)}")]


def _error_limit(before: Traffic, rules: Rules) -> float:
    # A limit that the old slot broke itself is no measure: going back to it would help nobody.
    usual = before.error_rate
    if usual is None or before.requests < rules.least_requests or usual <= rules.error_rate:
        return rules.error_rate
    return rules.times_before * usual


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


def _told(state: Container) -> str:
    if not state.running:
        return f"stopped ({state.exit_code})"
    return state.health or "running"
