"""How a request is handed to a container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.edge.routes import Route, Slots, Upstream

# A second attempt may not do a thing twice. PUT and DELETE are idempotent by the standard, not
# in every program; and their bodies are gone after the first attempt.
_RETRIED = ["GET", "HEAD", "OPTIONS"]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long the edge waits, in seconds.

    `drain`: when another edge takes over, for clients to leave, by the answer to their next request
    or by closing their WebSocket. `grace`: after that, for requests that still run. `retry`: for an
    upstream that does not accept connections. `answer`: for the first byte of an answer, from when
    the request is sent completely.
    """

    drain: int = 60
    grace: int = 300
    retry: int = 10
    answer: int = 300


def live(route: Route, timing: Timing) -> dict[str, Any]:
    """The proxy of the live slot.

    A flip is no change here: the address is resolved anew for each request, and for each check.
    """
    return {
        **_proxy([route.upstream.dial], timing),
        # Three failures in a row: one slow answer is no reason to refuse everybody. The verdict is
        # on the proxy and not on the slot: after a flip away from a broken one, requests wait for
        # the next check, which is sooner than `Timing.retry` ends.
        "health_checks": {
            "active": {"uri": route.health, "interval": "5s", "timeout": "5s", "fails": 3}
        },
        "load_balancing": _balancing(timing),
    }


def canary(dial: str, slots: Slots, timing: Timing) -> dict[str, Any]:
    """The proxy of a canary at the address `dial`; where it is down, of the live slot.

    The first failure sends the next attempt, and all for a moment, to the live slot. Caddy counts
    a caller's broken upload as a failure too: that costs nobody more than this moment.
    """
    return {
        **_proxy([dial, slots.dial], timing),
        "health_checks": {"passive": {"fail_duration": "2s", "max_fails": 1}},
        "load_balancing": {**_balancing(timing), "selection_policy": {"policy": "first"}},
    }


def direct(upstream: Upstream, timing: Timing) -> dict[str, Any]:
    """The proxy of one container as it is: for a smoke test, which is not to be helped."""
    return _proxy([upstream.dial], timing)


def _proxy(dials: Sequence[str], timing: Timing) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial} for dial in dials],
        # The client alone, however many proxies were on the way: services trust one step.
        "headers": {"request": {"set": {"X-Forwarded-For": ["{http.vars.client_ip}"]}}},
        "transport": {
            "protocol": "http",
            "dial_timeout": "3s",
            "response_header_timeout": f"{timing.answer}s",
            # Node closes idle connections after 5 s: a POST sent at that moment would be lost.
            "keep_alive": {"idle_timeout": "3s"},
        },
    }


def _balancing(timing: Timing) -> dict[str, Any]:
    return {
        "try_duration": f"{timing.retry}s",
        "try_interval": "250ms",
        "retry_match": [{"method": _RETRIED}],
    }
