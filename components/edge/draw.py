"""The draw: which side of a canary a client is on. It stays the same for a client.

A draw is three hexadecimal digits. A share is a bound that is written alike, so comparing the
texts decides; and who is drawn at 10 % is drawn at 50 % too.
"""

from __future__ import annotations

from typing import Any

COOKIE = "__Host-canary"
PLACEHOLDER = "{canary_draw}"
"""Caddy's placeholder of it, known after `handler()`."""
HTML = {"Accept": ["*text/html*"]}

# What a page asks of its own host without a cookie: it is from before the canary, and so are its
# assets. It sorts behind every bound.
_NONE = "~"
NOT_DRAWN = {PLACEHOLDER: [_NONE]}

_DAY = 24 * 60 * 60
# Fine enough for percent: a share is off by a hundredth of one at most.
_SIDES = 16**3
_SOURCE = "|".join(
    (
        f"{{http.request.cookie.{COOKIE}}}",
        "{http.request.header.EAS-Client-ID}",
        "{http.request.header.Sec-Fetch-Mode}",
        "{http.request.header.Sec-Fetch-Site}",
        "{http.request.uuid}",
    )
)
_BY_COOKIE = r"^([0-9a-f]{3})\|"
_BY_APP = r"^[^|]*\|([0-9a-fA-F]{3})[^|]*\|"
_BY_CHANCE = (
    r"^[^|]*\|[^|]*\|(?:navigate\|[a-z-]*|[a-z-]*\|(?:none|same-site|cross-site)?)\|([0-9a-f]{3})"
)


def below(percent: int) -> str:
    """The bound below which so many percent of the draws are."""
    return f"{round(percent * _SIDES / 100):03x}"


def handler() -> dict[str, Any]:
    """The handler that makes the placeholder known.

    The cookie of an earlier answer decides, or the id that an Expo app sends with all that it asks
    for an update; else it is chance.
    """
    return {
        "handler": "map",
        "source": _SOURCE,
        "destinations": [PLACEHOLDER],
        "mappings": [
            {"input_regexp": pattern, "outputs": ["${1}"]}
            for pattern in (_BY_COOKIE, _BY_APP, _BY_CHANCE)
        ],
        "defaults": [_NONE],
    }


def is_below(bound: str) -> dict[str, Any]:
    """The matcher of a draw below a bound, which may be a placeholder."""
    # Apple's ids are in capitals.
    return {"expression": f"{PLACEHOLDER}.lowerAscii() < {bound}"}


def remembered() -> dict[str, Any]:
    """The handler that gives the draw to a browser, for a day from its last page on."""
    value = f"{COOKIE}={PLACEHOLDER}; Path=/; Max-Age={_DAY}; Secure; HttpOnly; SameSite=Lax"
    return {"handler": "headers", "response": {"deferred": True, "add": {"Set-Cookie": [value]}}}
