"""Creates whose answer may be lost: what the request has made is found again, never made twice.

The official plugin stops with `uniqueness_error` at the run after such a loss, and somebody has to
import the resource; here the create itself looks for it. It is ours when it has the same name and
the same labels, was made since the create began, and no other create has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from hcloud import APIException
from requests.exceptions import RequestException

from localcloud.providers.framework import Context, ProviderError
from localcloud.providers.hcloud.api import TRANSIENT, Api, Json

CLOCKS: Final = timedelta(seconds=2)
"""How far the API's clock, which counts whole seconds, may be behind."""
_UNCERTAIN: Final = (*TRANSIENT, "uniqueness_error")
"""Codes after which the resource may exist: the vendor's client itself repeats a request that
timed out, and the repetition finds the name in use."""
_WITHOUT_ACTIONS: Final = ("ssh_keys", "placement_groups")


def create(ctx: Context[Api], table: str, body: Mapping[str, Any]) -> Json:
    """The API's answer to a create: the resource under its kind, and its actions."""
    api, kind = ctx.client, table.removesuffix("s")
    began = datetime.now(UTC) - CLOCKS

    def attempt() -> Json:
        try:
            return api.client.request("POST", f"/{table}", json=body)
        except (APIException, RequestException) as error:
            if isinstance(error, APIException) and error.code not in _UNCERTAIN:
                raise
            found = _made_since(api, table, body, began)
            if found is None:
                raise
            return {kind: found, "next_actions": _running(api, table, found["id"])}

    answer = api.retried(ctx, attempt)
    if answer is None:
        raise ProviderError(f"the {kind} was not created")
    if not api.claim(table, answer[kind]["id"]):
        raise ProviderError(f"name is already used: {body['name']!r} (uniqueness_error)")
    return answer


def pending(answer: Json) -> list[Json | None]:
    """All actions that an answer names."""
    return [answer.get("action"), *answer.get("actions", []), *answer.get("next_actions", [])]


def _made_since(api: Api, table: str, body: Mapping[str, Any], began: datetime) -> Json | None:
    rows: list[Json] = api.call("GET", f"/{table}?name={quote(str(body['name']))}")[table]
    for row in rows:
        fresh = datetime.fromisoformat(row["created"]) >= began
        if fresh and row["name"] == body["name"] and row["labels"] == body.get("labels", {}):
            return row
    return None


def _running(api: Api, table: str, number: int) -> list[Json]:
    if table in _WITHOUT_ACTIONS:
        return []
    return api.call("GET", f"/{table}/{number}/actions?status=running")["actions"]
