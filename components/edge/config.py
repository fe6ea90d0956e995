"""The edge's configuration: Caddy's JSON, as a pure function of the routes.

Format: https://caddyserver.com/docs/json/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ADMIN = "unix//run/caddy/admin.sock"
HEALTH_PORT = 2020
METRICS_PORT = 9180
_STREAM_CLOSE_DELAY = "5m"


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Where requests go: a container's name and port."""

    container: str
    port: int

    @property
    def dial(self) -> str:
        """The address as Caddy dials it."""
        return f"{self.container}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class PublicRoute:
    """A public host name. `health` is the path that the active check asks."""

    host: str
    upstream: Upstream
    health: str


@dataclass(frozen=True, kw_only=True)
class InternalRoute:
    """A service's own port, for callers inside the platform."""

    port: int
    upstream: Upstream
    health: str


@dataclass(frozen=True, kw_only=True)
class MetricsRoute:
    """`/metrics/<name>` of the metrics listener: a container's metrics path."""

    name: str
    upstream: Upstream
    path: str


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Who issues certificates: an ACME directory, or the edge's own authority."""

    issuer: Literal["acme", "internal"]
    email: str
    directory: str


@dataclass(frozen=True, kw_only=True)
class EdgeConfig:
    """All that the edge serves."""

    public: Sequence[PublicRoute]
    internal: Sequence[InternalRoute]
    metrics: Sequence[MetricsRoute]
    certificates: Certificates

    def json(self) -> str:
        """The configuration; the same routes give the same text."""
        return json.dumps(self._document(), indent=1, sort_keys=True)

    def _document(self) -> dict[str, Any]:
        servers: dict[str, Any] = {
            "health": _health_server(),
            "metrics": _metrics_server(self.metrics),
            "public": {
                "listen": [":443"],
                "routes": [_public_route(route) for route in self.public] + [_unknown_host()],
                "logs": {},
            },
        }
        for route in self.internal:
            servers[f"internal-{route.port}"] = {
                "listen": [f":{route.port}"],
                "automatic_https": {"disable": True},
                "routes": [{"handle": [_proxy(route.upstream, route.health)]}],
            }
        return {
            "admin": {"listen": ADMIN},
            "logging": _LOGGING,
            "apps": {
                "http": {"servers": servers, "grace_period": "30s", "metrics": {"per_host": True}},
                "tls": {"automation": {"policies": [{"issuers": [self._issuer()]}]}},
            },
        }

    def _issuer(self) -> dict[str, Any]:
        if self.certificates.issuer == "internal":
            return {"module": "internal"}
        return {
            "module": "acme",
            "ca": self.certificates.directory,
            "email": self.certificates.email,
        }


def bootstrap() -> str:
    """What a new edge starts with: nothing but its health, until the configuration is applied."""
    return json.dumps(
        {
            "admin": {"listen": ADMIN},
            "logging": _LOGGING,
            "apps": {"http": {"servers": {"health": _health_server()}}},
        },
        indent=1,
        sort_keys=True,
    )


_LOGGING = {"logs": {"default": {"writer": {"output": "stdout"}, "encoder": {"format": "json"}}}}


def _health_server() -> dict[str, Any]:
    return {
        "listen": [f"127.0.0.1:{HEALTH_PORT}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [{"handler": "static_response", "status_code": 200}]}],
    }


def _metrics_server(routes: Sequence[MetricsRoute]) -> dict[str, Any]:
    own = {"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}], "terminal": True}
    return {
        "listen": [f":{METRICS_PORT}"],
        "automatic_https": {"disable": True},
        "routes": [own, *(_metrics_route(route) for route in routes)],
    }


def _metrics_route(route: MetricsRoute) -> dict[str, Any]:
    return {
        "match": [{"path": [f"/metrics/{route.name}"]}],
        "handle": [
            {"handler": "rewrite", "uri": route.path},
            {"handler": "reverse_proxy", "upstreams": [{"dial": route.upstream.dial}]},
        ],
        "terminal": True,
    }


def _public_route(route: PublicRoute) -> dict[str, Any]:
    return {
        "match": [{"host": [route.host]}],
        "handle": [
            {"handler": "headers", "response": {"set": _SECURITY_HEADERS}},
            {"handler": "encode", "encodings": {"zstd": {}, "gzip": {}}},
            _proxy(route.upstream, route.health),
        ],
        "terminal": True,
    }


_SECURITY_HEADERS = {
    "Strict-Transport-Security": ["max-age=31536000"],
    "X-Content-Type-Options": ["nosniff"],
    "Referrer-Policy": ["strict-origin-when-cross-origin"],
}


def _proxy(upstream: Upstream, health: str) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream.dial}],
        # WebSockets outlive a reload; they are closed when their slot has drained.
        "stream_close_delay": _STREAM_CLOSE_DELAY,
        "health_checks": {
            "active": {"uri": health, "interval": "10s", "timeout": "5s"},
            "passive": {"fail_duration": "5s", "max_fails": 3},
        },
        "load_balancing": {"try_duration": "5s", "try_interval": "250ms"},
    }


def _unknown_host() -> dict[str, Any]:
    return {
        "handle": [
            {
                "handler": "static_response",
                "status_code": 421,
                "body": "no such host\n",
            }
        ]
    }
