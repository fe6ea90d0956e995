"""How a request is handed to a container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from components.edge.routes import Route, Slots, Upstream

# A second attempt may not do a thing twice. PUT and DELETE are idempotent by the standard, not
# in every program; and their bodies are gone after the first attempt.
_RETRIED = ["GET", "HEAD", "OPTIONS"]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long the edge waits, in seconds.

    `drain`: after a reload, for requests and WebSockets of the configuration before it.
    `retry`: for an upstream that does not accept connections. `answer`: for the first byte of an
    answer, from when the request is sent completely.
    """

    drain: int = 300
    retry: int = 10
    answer: int = 300


def live(route: Route, timing: Timing) -> dict[str, Any]:
    """The proxy of the live slot, and of the canary's share of requests.

    A flip is no change here: the address is resolved anew for each request, and for each check.
    """
    health: dict[str, Any] = {
        # Three failures in a row: one slow answer is no reason to refuse everybody. The verdict is
        # on the proxy and not on the slot: after a flip away from a broken one, requests wait for
        # the next check, which is sooner than `Timing.retry` ends.
        "active": {"uri": route.health, "interval": "5s", "timeout": "5s", "fails": 3}
    }
    balancing: dict[str, Any] = {
        "try_duration": f"{timing.retry}s",
        "try_interval": "250ms",
        "retry_match": [{"method": _RETRIED}],
    }
    upstreams: list[Upstream | Slots] = [route.upstream]
    if route.canary_upstream:
        upstreams.append(route.canary_upstream)
        balancing["selection_policy"] = {
            "policy": "weighted_round_robin",
            "weights": _weights(route.canary_share),
        }
        # Only with somewhere else to go. Caddy counts a caller's broken upload as a failure of the
        # upstream: three of them would take the only one away from everybody.
        health["passive"] = {"fail_duration": "10s", "max_fails": 3}
    return {
        **_proxy(upstreams, timing),
        "health_checks": health,
        "load_balancing": balancing,
    }


def direct(upstream: Upstream, timing: Timing) -> dict[str, Any]:
    """The proxy of one container as it is: for a smoke test, which is not to be helped."""
    return _proxy([upstream], timing)


def _proxy(upstreams: Sequence[Upstream | Slots], timing: Timing) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream.dial} for upstream in upstreams],
        # WebSockets outlive a reload for so long. At a flip they stay with their container.
        "stream_close_delay": f"{timing.drain}s",
        "transport": {
            "protocol": "http",
            "dial_timeout": "3s",
            "response_header_timeout": f"{timing.answer}s",
            # Node closes idle connections after 5 s: a POST sent at that moment would be lost.
            "keep_alive": {"idle_timeout": "3s"},
        },
    }


def _weights(share: float) -> list[int]:
    """The smallest whole weights of live and canary, to a percent: requests alternate soonest."""
    percent = max(1, round(share * 100))
    canary = Fraction(percent, 100)
    return [canary.denominator - canary.numerator, canary.numerator]
