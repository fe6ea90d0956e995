"""The edge's configuration: Caddy's JSON, as a pure function of the routes.

Format: https://caddyserver.com/docs/json/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from components.edge import drain, gate, headers, pages, proxy, requestid
from components.edge.certificates import Certificates
from components.edge.logs import logging
from components.edge.metrics import SERVICE_LABEL
from components.edge.proxy import Timing
from components.edge.routes import InternalRoute, MetricsRoute, PublicRoute, Route, Slots, Upstream

ADMIN = f"unix/{drain.RUN}/admin.sock"
HEALTH_PORT = 2020
METRICS_PORT = 9180
SLOT_HEADER = "X-Manacore-Slot"

_PRIVATE = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]

# A stalled sender is cut off, a slow one is not: no limit to the whole of an upload or answer.
_LIMITS = {
    "read_header_timeout": "10s",
    "read_idle_timeout": "60s",
    "write_idle_timeout": "60s",
    "idle_timeout": "5m",
    # Sessions in several cookies are larger than Caddy's 16 KiB.
    "max_header_bytes": 64 * 2**10,
}


@dataclass(frozen=True, kw_only=True)
class EdgeConfig:
    """All that the edge serves.

    `trusted` are the networks of a proxy before it, whose word is taken for who the client is.
    """

    public: Sequence[PublicRoute]
    internal: Sequence[InternalRoute]
    metrics: Sequence[MetricsRoute]
    certificates: Certificates
    timing: Timing = field(default_factory=Timing)
    trusted: Sequence[str] = ()

    def json(self, health_address: str = "127.0.0.1") -> str:
        """The configuration; the same routes give the same text.

        Edges that share a network need a `health_address` each, or one would answer for another.
        """
        # One line: the encoder of indented text is several times slower.
        return json.dumps(self._document(health_address), sort_keys=True)

    def _document(self, health_address: str) -> dict[str, Any]:
        servers: dict[str, Any] = {
            "health": _health_server(health_address),
            "metrics": _metrics_server(self.metrics),
            "public": self._public(),
            "redirect": _redirect_server(self.public),
        }
        for route in self.internal:
            servers[f"internal-{route.port}"] = self._internal(route)
        return {
            # What is in force is what the file says: nothing else is ever applied.
            "admin": {"listen": ADMIN, "config": {"persist": False}},
            "logging": logging(),
            "apps": {
                "http": {
                    "servers": servers,
                    "grace_period": f"{self.timing.grace}s",
                    "metrics": {"per_host": True},
                },
                "tls": self.certificates.document(),
            },
        }

    def _public(self) -> dict[str, Any]:
        routes = [
            {
                "match": [{"host": [route.host]}],
                "handle": [self._service(route, public=True)],
                "terminal": True,
            }
            for route in self.public
        ]
        return {
            "listen": [":443"],
            "protocols": ["h1", "h2", "h3"],
            # The redirects are ours: Caddy's would be for every host.
            "automatic_https": {"disable_redirects": True},
            **_LIMITS,
            **_proxied(self.trusted),
            **self._named(self.public),
            "routes": [
                *drain.routes(),
                {"handle": requestid.handlers()},
                *routes,
                *_www(self.public, secure=True),
                _unknown_host(),
            ],
            "errors": pages.errors(public=True),
            "logs": {},
        }

    def _internal(self, route: InternalRoute) -> dict[str, Any]:
        return {
            "listen": [f":{route.port}"],
            "automatic_https": {"disable": True},
            **_LIMITS,
            **self._named([route]),
            "routes": [
                *drain.routes(),
                {"handle": requestid.handlers()},
                {"handle": [self._service(route, public=False)]},
            ],
            "errors": pages.errors(public=False),
            "logs": {},
        }

    def _service(self, route: Route, *, public: bool) -> dict[str, Any]:
        # Metrics have one of these per request: other labels are of parts of it.
        return {"handler": SERVICE_LABEL, "routes": self._routes(route, public=public)}

    def _routes(self, route: Route, *, public: bool) -> list[dict[str, Any]]:
        outside: list[dict[str, Any]] = [
            *headers.security(),
            {"handler": "encode", "encodings": {"zstd": {}, "gzip": {}}},
        ]
        limit = {"handler": "request_body", "max_size": route.body_limit}
        handlers = [*(outside if public else []), limit]
        live: dict[str, Any] = {"handle": [proxy.live(route, self.timing)]}
        if not isinstance(route.upstream, Slots):
            return [{"handle": handlers}, live]
        return [
            {"handle": [*handlers, gate.read(route.upstream)]},
            *(self._by_name(slot) for slot in route.slots),
            *gate.routes(route.upstream, public=public),
            live,
        ]

    def _named(self, routes: Sequence[Route]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for route in routes:
            if isinstance(route.upstream, Slots):
                named |= gate.named(route.upstream, self.timing)
        return {"named_routes": named}

    def _by_name(self, upstream: Upstream) -> dict[str, Any]:
        named = {SLOT_HEADER: [upstream.slot]}
        return {
            "match": [{"header": named, "remote_ip": {"ranges": _PRIVATE}}],
            "handle": [
                {"handler": "headers", "response": {"deferred": True, "set": named}},
                proxy.direct(upstream, self.timing),
            ],
            "terminal": True,
        }


def _proxied(networks: Sequence[str]) -> dict[str, Any]:
    if not networks:
        return {}
    return {
        "trusted_proxies": {"source": "static", "ranges": list(networks)},
        # Cloudflare sets it itself; to what it finds in X-Forwarded-For it only adds.
        "client_ip_headers": ["Cf-Connecting-Ip"],
    }


def _health_server(address: str) -> dict[str, Any]:
    return {
        "listen": [f"{address}:{HEALTH_PORT}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [{"handler": "static_response", "status_code": 200}]}],
    }


def _metrics_server(routes: Sequence[MetricsRoute]) -> dict[str, Any]:
    own = {"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}], "terminal": True}
    return {
        "listen": [f":{METRICS_PORT}"],
        "automatic_https": {"disable": True},
        "routes": [*drain.routes(), own, *(_metrics_route(route) for route in routes)],
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


def _redirect_server(public: Sequence[PublicRoute]) -> dict[str, Any]:
    """Port 80: known hosts are sent to https; Caddy answers ACME's challenges before any route."""
    known = {
        "match": [{"host": [route.host for route in public]}],
        "handle": [_redirect("{http.request.host}")],
        "terminal": True,
    }
    return {
        "listen": [":80"],
        "automatic_https": {"disable": True},
        **_LIMITS,
        "routes": [
            *drain.routes(),
            *([known] if public else []),
            *_www(public, secure=False),
            _unknown_host(),
        ],
        "logs": {},
    }


def _www(public: Sequence[PublicRoute], *, secure: bool) -> list[dict[str, Any]]:
    named = {route.host for route in public}
    return [
        {
            "match": [{"host": [f"www.{route.host}"]}],
            "handle": [*(headers.security() if secure else []), _redirect(route.host)],
            "terminal": True,
        }
        for route in public
        if route.www and f"www.{route.host}" not in named
    ]


def _redirect(host: str) -> dict[str, Any]:
    return {
        "handler": "static_response",
        # 308 keeps method and body, which 301 does not.
        "status_code": 308,
        "headers": {"Location": [f"https://{host}{{http.request.uri}}"]},
    }


def _unknown_host() -> dict[str, Any]:
    return {
        "handle": [
            {"handler": "static_response", "status_code": 421, "body": "no such host\n"},
        ]
    }
