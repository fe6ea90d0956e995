"""The gate before a service's live slot: open, a canary's share, or maintenance.

It is a file beside the service's pointer, which Caddy reads once per request. So it is set with the
same rename as the pointers, and without a reload (docs/adr/0006-canary-and-maintenance-by-gate.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.edge import draw, pages, pointers
from components.edge.proxy import Timing, canary
from components.edge.routes import Slots

CANARY_LABEL = "log_append"
"""The `handler` of Caddy's metrics that counts a canary's requests, and nothing else."""
MAINTENANCE_LABEL = "vars"
"""The one that counts what is answered with the maintenance page, and nothing else."""

MESSAGE_LENGTH = 300
# What HTML, JSON or Caddy would read as more than text.
MESSAGE_REFUSED = '<>&{}\\"'

_VARIABLE = "gate"
_MAINTENANCE = "maintenance"


def is_message(text: str) -> bool:
    """Whether a text can be on the maintenance page as it is."""
    plain = text.isprintable() and not set(text) & set(MESSAGE_REFUSED)
    return plain and bool(text.strip()) and len(text) <= MESSAGE_LENGTH


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What stands before a live slot.

    `percent` (1 to 99) of the clients go to the container at `canary`. `maintenance` answers 503
    with this text, before any canary; empty is none. Raises `ValueError` for a percentage without
    a canary or beyond its bounds, and for a text that is more than one line of plain text.
    """

    percent: int = 0
    canary: str = ""
    maintenance: str = ""

    def __post_init__(self) -> None:
        if bool(self.percent) != bool(self.canary) or not 0 <= self.percent < 100:
            raise ValueError(f"{self.percent} % for the canary '{self.canary}' is no share")
        if self.maintenance and not is_message(self.maintenance):
            raise ValueError(f"the message '{self.maintenance}' is no plain line of text")

    @property
    def text(self) -> str:
        """The file's content; an open gate has none."""
        if self.maintenance:
            return f"{_MAINTENANCE} {self.maintenance}"
        return f"canary {draw.below(self.percent)} {self.canary}" if self.percent else ""


def read(slots: Slots) -> dict[str, Any]:
    """The handler that reads the gate: whatever follows decides by the same one."""
    return {"handler": "vars", _VARIABLE: pointers.gate(slots.service)}


def routes(slots: Slots, *, public: bool) -> list[dict[str, Any]]:
    """The routes before the live slot's, which a request passes when its gate is open."""
    share = _share(slots)
    cookie = {
        # One draw per visitor, made where a page is asked for: its assets come with the cookie.
        "match": [{"method": ["GET"], "header": draw.HTML, "not": [{"vars": draw.NOT_DRAWN}]}],
        "handle": [draw.remembered()],
    }
    drawn = {
        "match": [draw.is_below(f"{{http.regexp.{share}.1}}")],
        "handle": [{"handler": "invoke", "name": share}],
        "terminal": True,
    }
    inner = [{"handle": [draw.handler()]}, *([cookie] if public else []), drawn]
    return [
        {
            "match": [_match(_MAINTENANCE, "^maintenance (.+)$")],
            "handle": [{"handler": "invoke", "name": _MAINTENANCE}],
            "terminal": True,
        },
        {
            "match": [_match(share, "^canary ([0-9a-f]{3}) (.+)$")],
            "handle": [{"handler": "subroute", "routes": inner}],
        },
    ]


def named(slots: Slots, timing: Timing) -> dict[str, Any]:
    """The server's named routes that `routes` invokes.

    Named, because Caddy counts those apart in its metrics, by their first handler.
    """
    share = _share(slots)
    return {
        _MAINTENANCE: {
            "handle": [
                {"handler": MAINTENANCE_LABEL, "message": f"{{http.regexp.{_MAINTENANCE}.1}}"},
                pages.retry_after(),
                {"handler": "subroute", "routes": pages.maintenance("{http.vars.message}")},
            ]
        },
        share: {
            "handle": [
                {"handler": CANARY_LABEL, "key": "canary", "value": "yes"},
                canary(f"{{http.regexp.{share}.2}}", slots, timing),
            ]
        },
    }


def _match(name: str, pattern: str) -> dict[str, Any]:
    return {"vars_regexp": {_VARIABLE: {"name": name, "pattern": pattern}}}


def _share(slots: Slots) -> str:
    # The service is in it: Caddy keeps its verdict on an upstream by the text of its address.
    return f"canary-{slots.service}"
