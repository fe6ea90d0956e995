"""The edge's own metrics, read into figures per host: requests, failures, how long they took.

Read is `caddy_http_request_duration_seconds`, the one family that has codes, hosts and durations:
all figures come from it, so that no rate mixes two counters scraped at different moments.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from components.edge.gate import CANARY_LABEL, MAINTENANCE_LABEL
from components.edge.metrics import DURATIONS
from ops.failures import OpsError

# Caddy starts all counters at zero with every new configuration, and this gauge says which one.
_LOADED = "caddy_config_last_reload_success_timestamp_seconds"
# A WebSocket is counted when it ends, with the length of its life: a connection, not a request.
_WITH_BODY = ("POST", "PUT", "PATCH")
_SWITCHED = "101"


class MetricsError(OpsError):
    """The edge's metrics cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Requests, as many as were counted.

    `durations` has the requests by the upper bound of their duration in seconds (the last bound
    is infinite), each request once. `failed` are those answered with 5xx. `uploads` are requests
    with a body, which are not in `durations`: they take as long as their sender does.
    """

    failed: int = 0
    durations: Mapping[float, int] = field(default_factory=dict[float, int])
    uploads: int = 0

    @property
    def timed(self) -> int:
        """The requests in `durations`."""
        return sum(self.durations.values())

    @property
    def requests(self) -> int:
        """All requests, failed ones too."""
        return self.timed + self.uploads

    @property
    def error_rate(self) -> float | None:
        """The failed ones' share, 0 to 1; None without requests."""
        return self.failed / self.requests if self.requests else None

    @property
    def p95(self) -> float | None:
        """The duration in seconds that 95 % of the timed requests keep to; None without any."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float | None:
        """The duration in seconds of that share, as Prometheus' `histogram_quantile` has it.

        Within a bound it is interpolated; beyond the last finite bound it is that bound.
        """
        wanted = share * self.timed
        if not wanted:
            return None
        below, seen = 0.0, 0
        for bound, count in sorted(self.durations.items()):
            if math.isinf(bound):
                break
            if count and seen + count >= wanted:
                return below + (bound - below) * (wanted - seen) / count
            below, seen = bound, seen + count
        return below

    def __add__(self, other: Traffic) -> Traffic:
        """Both together."""
        return total((self, other))

    def __sub__(self, part: Traffic) -> Traffic:
        """The rest without a part of it."""
        return _minus(self, part)


def total(traffic: Iterable[Traffic]) -> Traffic:
    """All of them together."""
    failed, uploads, durations = 0, 0, Counter[float]()
    for one in traffic:
        failed += one.failed
        uploads += one.uploads
        durations.update(one.durations)
    return Traffic(failed=failed, durations=dict(durations), uploads=uploads)


@dataclass(frozen=True, kw_only=True, order=True)
class Source:
    """Where requests came in: the edge's server (`public`, `internal-3002`) and the host name.

    The host is `_other` where the configuration names none, as on the internal ports.
    """

    server: str
    host: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the counters say at one moment, from when on they count (`loaded`, Unix seconds).

    `canaries` is the part of `sources` that went to a canary.
    """

    loaded: float | None
    sources: Mapping[Source, Traffic]
    canaries: Mapping[Source, Traffic] = field(default_factory=dict["Source", Traffic])

    def of(self, host: str | None = None, *, server: str | None = None) -> Traffic:
        """The requests of a host, of a server, or of both; all of them when neither is given.

        A host whose routes are not terminal counts a request once for each route that it passes.
        """
        return _of(self.sources, host, server)

    def of_canary(self, host: str | None = None, *, server: str | None = None) -> Traffic:
        """The part of `of` that went to a canary."""
        return _of(self.canaries, host, server)

    def since(self, earlier: Snapshot) -> Snapshot:
        """What was counted after `earlier`.

        When the edge was restarted or got a new configuration in between, its counters began
        again at zero: then it is all that they count now.
        """
        if self._began_after(earlier):
            return self
        return Snapshot(
            loaded=self.loaded,
            sources=_since(self.sources, earlier.sources),
            canaries=_since(self.canaries, earlier.canaries),
        )

    def _began_after(self, earlier: Snapshot) -> bool:
        if self.loaded != earlier.loaded:
            return True
        # An edge that does not say when it began: a counter that shrank gives it away.
        return any(
            _shrank(self.sources.get(source, Traffic()), before)
            for source, before in earlier.sources.items()
        )


def read(text: str) -> Snapshot:
    """Read the edge's `/metrics`.

    An edge that has served nothing yet has no sources. Raises `MetricsError` when the text is
    not in Prometheus' format.
    """
    # The sizes and the other durations are most of the text, and parsing takes its time.
    lines = (line for line in text.splitlines() if DURATIONS in line or _LOADED in line)
    try:
        families = list(text_string_to_metric_families("\n".join(lines) + "\n"))
        loaded = [s.value for f in families if f.name == _LOADED for s in f.samples]
        sources, canaries = _sources(f for f in families if f.name == DURATIONS)
    except (ValueError, KeyError) as error:
        raise MetricsError(
            message=f"The edge's metrics cannot be read: {error}",
            details=("Is `per_host` of the edge's metrics on, and is it Caddy that answers?",),
        ) from error
    return Snapshot(loaded=loaded[0] if loaded else None, sources=sources, canaries=canaries)


_Sources = dict[Source, Traffic]


def _sources(families: Iterable[Metric]) -> tuple[_Sources, _Sources]:
    """All traffic but what maintenance answered, and the canaries' part of it."""
    # Buckets are cumulative per series; a series is one set of all labels but the bound.
    series: dict[tuple[Source, str, str], dict[str, dict[float, int]]] = {}
    for sample in (sample for family in families for sample in family.samples):
        if not sample.name.endswith("_bucket") or sample.labels["code"] == _SWITCHED:
            continue
        labels = sample.labels
        source = Source(server=labels["server"], host=labels["host"])
        key = (source, labels["code"], labels.get("method", ""))
        handlers = series.setdefault(key, {})
        handlers.setdefault(labels.get("handler", ""), {})[float(labels["le"])] = int(sample.value)
    found: _Sources = {}
    canaries: _Sources = {}
    for (source, code, method), handlers in series.items():
        # Each route that a request passes counts it; the outermost one has them all.
        each = {handler: _each_once(counts) for handler, counts in handlers.items()}
        outermost = max(each.values(), key=lambda durations: sum(durations.values()))
        counted = _counted(outermost, code, method)
        if closed := each.get(MAINTENANCE_LABEL):
            # That a service is closed says nothing of its slots.
            counted = _minus(counted, _counted(closed, code, method))
        found[source] = found.get(source, Traffic()) + counted
        if canary := each.get(CANARY_LABEL):
            part = _counted(canary, code, method)
            canaries[source] = canaries.get(source, Traffic()) + part
    return found, canaries


def _counted(durations: Mapping[float, int], code: str, method: str) -> Traffic:
    count = sum(durations.values())
    failed = count if code.startswith("5") else 0
    if method in _WITH_BODY:
        return Traffic(failed=failed, uploads=count)
    return Traffic(failed=failed, durations=durations)


def _of(sources: Mapping[Source, Traffic], host: str | None, server: str | None) -> Traffic:
    return total(
        traffic
        for source, traffic in sources.items()
        if host in (None, source.host) and server in (None, source.server)
    )


def _since(now: Mapping[Source, Traffic], before: Mapping[Source, Traffic]) -> _Sources:
    return {source: _minus(one, before.get(source, Traffic())) for source, one in now.items()}


def _each_once(cumulative: Mapping[float, int]) -> dict[float, int]:
    durations: dict[float, int] = {}
    below = 0
    for bound, count in sorted(cumulative.items()):
        durations[bound] = count - below
        below = count
    return durations


def _minus(now: Traffic, before: Traffic) -> Traffic:
    return Traffic(
        failed=now.failed - before.failed,
        uploads=now.uploads - before.uploads,
        durations={
            bound: count - before.durations.get(bound, 0) for bound, count in now.durations.items()
        },
    )


def _shrank(now: Traffic, before: Traffic) -> bool:
    shrunk = now.failed < before.failed or now.uploads < before.uploads
    return shrunk or any(
        now.durations.get(bound, 0) < count for bound, count in before.durations.items()
    )
