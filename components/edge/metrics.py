"""The edge's own metrics, and what is asked of them in PromQL: each by host, over five minutes."""

from __future__ import annotations

DURATIONS = "caddy_http_request_duration_seconds"
"""The one family that has codes, hosts and durations."""
SERVICE_LABEL = "subroute"
"""The `handler` that all of a service is in: Caddy counts a request per handler that it passes."""


def requests() -> str:
    """Requests per second."""
    return _rate("count")


def failed_share() -> str:
    """The share of them that were answered with 5xx: 0 to 1."""
    failed = _rate("count", ',code=~"5.."')
    return f"{failed} / {requests()}"


def quantile(share: float) -> str:
    """The duration in seconds that this share of them (0 to 1) keeps to."""
    return f"histogram_quantile({share}, {_rate('bucket', by='le, host')})"


def _rate(part: str, more: str = "", by: str = "host") -> str:
    return f'sum by ({by}) (rate({DURATIONS}_{part}{{handler="{SERVICE_LABEL}"{more}}}[5m]))'
