"""Pages that the edge answers itself: a service fails, or is under maintenance.

HTML without anything external; JSON for a caller that accepts it.
"""

from __future__ import annotations

import json
from typing import Any

from components.edge import headers, requestid

MAINTENANCE_SECONDS = 120

_JSON = {"Accept": {"pattern": r"(?i)application/([a-z0-9.+-]+\+)?json"}}

# Status to title and text; the last is for every other one.
_TEXTS = {
    "413": ("Too large", "What was sent is larger than this service accepts."),
    "502": ("Not reachable", "The service does not answer right now. Please try again shortly."),
    "503": ("Not available", "The service is not available now. Please try again shortly."),
    "504": ("No answer", "The service took too long to answer. Please try again."),
}
_OTHER = ("Something went wrong", "The request could not be answered.")

# No braces around the styles: in Caddy's texts they are for placeholders.
_HTML = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title}</title>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em">
<h1 style="font-size:1.5em">{title}</h1>
<p>{text}</p>
<p style="color:#777;font-size:.8em">{status} &middot; {request_id}</p>
"""


def errors(*, public: bool) -> dict[str, Any]:
    """Caddy's error routes: the page of whatever status a handler failed with."""
    described = {
        "handler": "map",
        "source": "{http.error.status_code}",
        "destinations": ["{page_title}", "{page_text}"],
        "mappings": [{"input": status, "outputs": list(texts)} for status, texts in _TEXTS.items()],
        "defaults": list(_OTHER),
    }
    # Headers that were deferred are lost when a handler fails.
    again = [requestid.answered(), *(headers.security() if public else [])]
    return {
        "routes": [
            {"handle": [described, *again]},
            *_page("{http.error.status_code}", "{page_title}", "{page_text}"),
        ]
    }


def retry_after() -> dict[str, Any]:
    """The handler that says when to come back, in seconds."""
    seconds = {"Retry-After": [str(MAINTENANCE_SECONDS)]}
    return {"handler": "headers", "response": {"set": seconds}}


def maintenance(message: str) -> list[dict[str, Any]]:
    """Routes that answer everything with 503 and a message, or a placeholder of one."""
    return _page("503", "Under maintenance", message)


def _page(status: str, title: str, text: str) -> list[dict[str, Any]]:
    values = {"status": status, "title": title, "text": text, "request_id": requestid.REQUEST_ID}
    data = {"error": {"title": title, "message": text, "request_id": requestid.REQUEST_ID}}
    bodies = [
        ([{"header_regexp": _JSON}], "application/json", json.dumps(data) + "\n"),
        (None, "text/html; charset=utf-8", _HTML.format(**values)),
    ]
    return [
        {
            **({"match": match} if match else {}),
            "handle": [
                {
                    "handler": "static_response",
                    "status_code": status,
                    "headers": {
                        "Content-Type": [kind],
                        "Cache-Control": ["no-store"],
                        "Vary": ["Accept"],
                    },
                    "body": body,
                }
            ],
            "terminal": True,
        }
        for match, kind, body in bodies
    ]
