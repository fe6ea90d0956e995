"""Logs: JSON lines on standard output, without secrets.

Caddy itself redacts Authorization, Proxy-Authorization, Cookie and Set-Cookie.
"""

from __future__ import annotations

from typing import Any

_HEADERS = ("Apikey", "X-Api-Key", "X-Auth-Token", "X-Csrf-Token", "Sec-Websocket-Protocol")
_PARAMETERS = (
    "access_token",
    "api_key",
    "apikey",
    "code",
    "id_token",
    "key",
    "password",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "state",
    "token",
)
_URLS = ("request>uri", "request>headers>Referer", "resp_headers>Location")


def logging() -> dict[str, Any]:
    """Caddy's logging: access logs, errors and its own messages alike."""
    query = {
        "filter": "query",
        "actions": [
            {"type": "replace", "parameter": name, "value": "REDACTED"} for name in _PARAMETERS
        ],
    }
    hidden = {"filter": "replace", "value": "REDACTED"}
    return {
        "logs": {
            "default": {
                "writer": {"output": "stdout"},
                "encoder": {
                    "format": "filter",
                    "wrap": {"format": "json"},
                    "fields": {
                        **{f"request>headers>{name}": hidden for name in _HEADERS},
                        **dict.fromkeys(_URLS, query),
                    },
                },
            }
        }
    }
