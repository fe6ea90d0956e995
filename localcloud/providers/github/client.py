"""The vendor's official client as the stand-in uses it: one repository API, with its retries."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import github
import requests
from github import Auth, Github, GithubException

from localcloud.providers.framework import NotFound, ProviderError, Values

ENTERPRISE_ROOT = "api/v3"
DOTCOM = "https://api.github.com/"

T = TypeVar("T")
Json = dict[str, Any]


class Client:
    """GitHub for one owner.

    Calls answer the body as it is; 404 raises `NotFound`, every other refusal `ProviderError`
    with GitHub's own words. Server errors are tried again as the official plugin does, rate
    limits after the time that GitHub names.
    """

    def __init__(self, config: Values) -> None:
        """Connect with the provider's configuration; the owner's existence is looked up."""
        base = str(config.get("baseUrl") or DOTCOM).rstrip("/")
        if base != DOTCOM.rstrip("/") and not base.endswith(ENTERPRISE_ROOT):
            base = f"{base}/{ENTERPRISE_ROOT}"
        self._retries = int(config.get("maxRetries", 3))
        self._pause = int(config.get("retryDelayMs", 1000)) / 1000
        token = config.get("token")
        self._github = Github(
            base_url=base,
            auth=Auth.Token(str(token)) if token else None,
            retry=None,  # retried here: every method alike, and knowing what may have happened
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        self._repositories: dict[str, int] = {}
        self._lock = threading.Lock()
        self.owner = str(config.get("organization") or config.get("owner") or "")
        if not self.owner and token:
            self.owner = str(self.get("/user")["login"])
        if self.owner:
            with contextlib.suppress(NotFound):  # a user, not an organization
                self.get(f"/orgs/{self.owner}")

    def repository(self, name: str) -> str:
        """The path of a repository of the owner."""
        return f"/repos/{self.owner}/{quote(name, safe='')}"

    def repository_id(self, name: str) -> int:
        """The number of a repository; it never changes, so it is asked for once."""
        with self._lock:
            known = self._repositories.get(name)
        if known is None:
            known = int(self.get(self.repository(name))["id"])
            with self._lock:
                self._repositories[name] = known
        return known

    def get(self, path: str) -> Json:
        """Read."""
        return self._call("GET", path)

    def status(self, path: str) -> bool:
        """Whether an address that answers without a body is there."""
        try:
            self._call("GET", path)
        except NotFound:
            return False
        return True

    def put(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Write; the same twice is once."""
        return self._call("PUT", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """Change."""
        return self._call("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete."""
        self._call("DELETE", path)

    def post(self, path: str, body: Mapping[str, Any], existing: Callable[[], Json | None]) -> Json:
        """Create.

        When an answer was lost, the thing may have been made all the same: `existing` looks for
        it before the next try and when GitHub then says that it exists.
        """
        uncertain = False

        def attempt() -> Json:
            nonlocal uncertain
            found = existing() if uncertain else None
            if found is not None:
                return found
            uncertain = True
            return self._once("POST", path, body)

        return self._retrying(attempt)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        return self._retrying(lambda: self._once(method, path, body))

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Json:
        _, data = self._github.requester.requestJsonAndCheck(method, path, input=body)
        return data or {}

    def _retrying(self, attempt: Callable[[], T]) -> T:
        for left in range(self._retries, -1, -1):
            try:
                return attempt()
            except github.UnknownObjectException as error:
                raise NotFound(_words(error)) from error
            except GithubException as error:
                wait = self._wait(error)
                if wait is None or not left:
                    raise ProviderError(_words(error)) from error
                time.sleep(wait)
            except requests.RequestException as error:
                if not left:
                    raise ProviderError(f"GitHub does not answer: {error}") from error
                time.sleep(self._pause)
        raise AssertionError("unreachable")

    def _wait(self, error: GithubException) -> float | None:
        """Seconds until another try makes sense; None: never."""
        if error.status >= 500:
            return self._pause
        limited = error.status == 429 or isinstance(error, github.RateLimitExceededException)
        if not limited:
            return None
        headers = {key.lower(): value for key, value in (error.headers or {}).items()}
        if "retry-after" in headers:
            return float(headers["retry-after"])
        if headers.get("x-ratelimit-remaining") == "0":
            return max(0.0, float(headers.get("x-ratelimit-reset", 0)) - time.time()) + 1
        return self._pause


def _words(error: GithubException) -> str:
    data: object = error.data
    if not isinstance(data, dict):
        return f"{error.status} {data}"
    body: dict[str, Any] = dict(data)  # pyright: ignore[reportUnknownArgumentType]
    details = "".join(f"; {item}" for item in body.get("errors", []))
    return f"{error.status} {body.get('message', '')}{details}"


def timestamp(text: str) -> str:
    """A time in the notation of the official plugin's state."""
    moment = datetime.fromisoformat(text)
    return f"{moment:%Y-%m-%d %H:%M:%S} +0000 UTC"


# Ids are parts joined by ":"; inside of a part it is written "??".
_SEPARATOR = ":"
_ESCAPED = "??"


def build_id(*parts: str) -> str:
    """An id of several parts; the last one is taken as it is."""
    *first, last = parts
    return _SEPARATOR.join([*(part.replace(_SEPARATOR, _ESCAPED) for part in first), last])


def parse_id(text: str, form: str) -> list[str]:
    """The parts of an id of the `form` that an import needs, as `<repository>:<name>`."""
    count = form.count(_SEPARATOR) + 1
    parts = text.split(_SEPARATOR, count - 1)
    if len(parts) != count or not all(parts):
        raise ProviderError(f"invalid id ({text}), expected format {form}")
    return [part.replace(_ESCAPED, _SEPARATOR) for part in parts]


def segment(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="")
