"""The request id: one per request, in the upstream's request, the answer and the access log."""

from __future__ import annotations

from typing import Any

REQUEST_ID = "{request_id}"
"""Caddy's placeholder of it, known after `handlers()`."""

HEADER = "X-Request-Id"

# What a caller may choose itself: nothing that could break a log line, a header or a page. Caddy
# joins repeated headers by a comma, so that several are not taken either.
_SANE = "^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$"


def handlers() -> list[dict[str, Any]]:
    """Take the caller's id if it is sane, a new UUID otherwise; pass it on and answer it."""
    return [
        {
            "handler": "map",
            "source": f"{{http.request.header.{HEADER}}}",
            "destinations": [REQUEST_ID],
            "mappings": [{"input_regexp": _SANE, "outputs": ["${0}"]}],
            "defaults": ["{http.request.uuid}"],
        },
        {"handler": "headers", "request": {"set": {HEADER: [REQUEST_ID]}}},
        answered(),
        {"handler": "log_append", "key": "request_id", "value": REQUEST_ID},
        {
            "handler": "log_append",
            "key": "upstream",
            "value": "{http.reverse_proxy.upstream.hostport}",
        },
    ]


def answered() -> dict[str, Any]:
    """The handler that sets the id in the answer, in place of one that the upstream sets."""
    return {"handler": "headers", "response": {"deferred": True, "set": {HEADER: [REQUEST_ID]}}}
