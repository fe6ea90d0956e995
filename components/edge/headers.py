"""Security headers of everything that is public."""

from __future__ import annotations

from typing import Any

_FORCED = {
    "Strict-Transport-Security": ["max-age=31536000"],
    "X-Content-Type-Options": ["nosniff"],
}
# A service may be stricter, or laxer, where it says so itself.
_DEFAULTS = {
    "Referrer-Policy": ["strict-origin-when-cross-origin"],
    "X-Frame-Options": ["SAMEORIGIN"],
}
# What only tells an attacker which software to look up.
_REMOVED = ["Server", "Via", "X-Powered-By"]


def security() -> list[dict[str, Any]]:
    """Deferred until the answer is written, so that the upstream's own headers are seen."""
    return [
        {
            "handler": "headers",
            "response": {"deferred": True, "set": _FORCED, "delete": _REMOVED},
        },
        *(
            {
                "handler": "headers",
                "response": {"require": {"headers": {name: None}}, "set": {name: value}},
            }
            for name, value in _DEFAULTS.items()
        ),
    ]
