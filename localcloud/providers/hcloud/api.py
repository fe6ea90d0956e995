"""The vendor's client as the stand-in uses it: requests, waits for actions, retries."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import hcloud
import requests
from hcloud import APIException

from localcloud.providers.framework import Context, NotFound, ProviderError

Json = dict[str, Any]

RETRIES = 5
"""As the official plugin: 1, 2, 4, 8 and 16 seconds."""
LONGEST_POLL = 10.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
TRANSIENT = ("server_error", "service_error", "unavailable", "timeout", 500, 502, 503, 504)
"""Codes that say nothing about the request: it may be read again, and it may have had effect."""


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `500ms` or `1m30s`."""
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ProviderError(f"pollInterval: {text!r} is no duration such as 500ms or 2s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


@dataclass(frozen=True, kw_only=True)
class Api:
    """One configured client."""

    client: hcloud.Client
    poll_interval: float = 0.5
    constant: bool = False
    _claims: dict[tuple[str, int], object] = field(default_factory=dict[tuple[str, int], object])

    def claim(self, table: str, number: int) -> bool:
        """Whether the caller is the first to say that it has created this resource."""
        mine = object()
        return self._claims.setdefault((table, number), mine) is mine

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """One request; the client itself repeats it on conflicts and at the rate limit."""
        try:
            return self.client.request(method, path, json=body)
        except APIException as error:
            if error.code in ("not_found", 404):
                raise NotFound(describe(error)) from error
            raise ProviderError(describe(error)) from error
        except requests.exceptions.RequestException as error:
            raise ProviderError(f"{method} {path}: {error}") from error

    def get(self, table: str, number: object) -> Json | None:
        """A resource by id, or None; read again when the API had a hiccup."""
        for attempt in range(RETRIES):
            try:
                return self.client.request("GET", f"/{table}/{number}")[table.removesuffix("s")]
            except APIException as error:
                if error.code in ("not_found", 404):
                    return None
                transient = error.code in TRANSIENT
                if not transient or attempt == RETRIES - 1:
                    raise ProviderError(describe(error)) from error
            except requests.exceptions.RequestException as error:
                if attempt == RETRIES - 1:
                    raise ProviderError(f"GET /{table}/{number}: {error}") from error
            time.sleep(min(2**attempt * 0.25, 4))
        return None

    def must_get(self, table: str, number: object) -> Json:
        """A resource that has to exist."""
        found = self.get(table, number)
        if found is None:
            raise NotFound(f"{table.removesuffix('s')} {number} not found")
        return found

    def find(self, table: str, key: object, **query: str) -> Json | None:
        """A resource by name, or by id when it is all digits."""
        params = "&".join(f"{name}={value}" for name, value in {"name": key, **query}.items())
        found = self.call("GET", f"/{table}?{params}")[table]
        if found:
            return found[0]
        return self.get(table, key) if str(key).isdigit() else None

    def wait(self, ctx: Context[Api], *actions: Json | None) -> None:
        """Until the actions are over; an action that failed is an error."""
        for action in actions:
            turn = 0
            current = action
            while current is not None and current["status"] == "running":
                factor = 1 if self.constant else 2**turn
                ctx.sleep(min(self.poll_interval * factor, LONGEST_POLL))
                current = self.must_get("actions", current["id"])
                turn += 1
            if current is not None and current["status"] == "error":
                error: Json = current["error"] or {}
                raise ProviderError(
                    f"action {current['command']} ({current['id']}) failed: "
                    f"{error.get('message')} ({error.get('code')})"
                )

    def act(
        self,
        ctx: Context[Api],
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        retry: Collection[str] = ("locked", "conflict"),
        done: Collection[str] = (),
        landed: Callable[[], bool] | None = None,
    ) -> None:
        """Post an action and wait for it; repeated while the resource is locked.

        An error with a code in `done` says that there is nothing to do. `landed` is asked when
        the answer was lost: whether the action has had its effect, so that the next run need not
        ask again for what would then be refused.
        """

        def attempt() -> Json:
            try:
                return self.client.request("POST", path, json=body or {})
            except (APIException, requests.exceptions.RequestException) as error:
                known = isinstance(error, APIException) and error.code not in TRANSIENT
                if known or landed is None or not landed():
                    raise
            return self.call("GET", f"{path.rpartition('/')[0]}?status=running")

        answer = self.retried(ctx, attempt, retry=retry, done=done)
        if answer is not None:
            self.wait(ctx, answer.get("action"), *answer.get("actions", []))

    def retried(
        self,
        ctx: Context[Api],
        attempt: Callable[[], Json],
        *,
        retry: Collection[str] = ("locked", "conflict"),
        done: Collection[str] = (),
    ) -> Json | None:
        """The answer of `attempt`; tried again on some codes, None on those in `done`."""
        for turn in range(RETRIES + 1):
            try:
                return attempt()
            except APIException as error:
                if error.code in done:
                    return None
                if error.code not in retry or turn == RETRIES:
                    kind = NotFound if error.code in ("not_found", 404) else ProviderError
                    raise kind(describe(error)) from error
            except requests.exceptions.RequestException as error:
                raise ProviderError(f"the API cannot be reached: {error}") from error
            ctx.sleep(min(2.0**turn, 16) * min(1.0, self.poll_interval * 2))
        return None

    def delete(self, ctx: Context[Api], table: str, number: object) -> Json | None:
        """Delete a resource; what is gone already is fine."""
        retry = ("locked", "conflict", "resource_in_use")
        return self.retried(
            ctx,
            lambda: self.client.request("DELETE", f"/{table}/{number}"),
            retry=retry,
            done=("not_found",),
        )


def describe(error: APIException) -> str:
    """The vendor's message with its code and the fields that it names."""
    details = cast("Json", error.details) if isinstance(error.details, dict) else {}
    fields = cast("list[Json]", details.get("fields") or [])
    told = "; ".join(f"{item['name']}: {', '.join(item['messages'])}" for item in fields)
    return f"{error.message} ({error.code})" + (f" [{told}]" if told else "")
