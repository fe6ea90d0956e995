"""Failures on demand, and a journal of what was asked: the same for every emulator.

    faults = Faults.install(app, error_body=vendor_error)   # last line of a create_app

Control endpoints, beside the vendor's own and without a token:

    POST   /_faults     add one rule (fields: see `Rule`); answers the rules
    GET    /_faults     the rules that are left
    DELETE /_faults     forget all rules
    GET    /_requests   [{"method", "path", "query", "status", "fault"}], oldest first
    DELETE /_requests   forget the journal

The first rule that matches a request applies. Examples:

    {"method": "POST", "path_regex": "/v1/servers$", "status": 429, "retry_after": 1, "times": 2}
    {"path_regex": ".*", "delay_seconds": 3}                        # late, once
    {"path_regex": "/v1/servers$", "status": 500, "after": true}    # done, but the answer is lost
    {"path_regex": ".*", "status": 0, "times": null}                # connection cut, until deleted
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JOURNAL_SIZE = 10_000
CONTROL_PATHS = ("/_faults", "/_requests")


class Rule(BaseModel):
    """One failure: which requests it meets, what happens to them, how often."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = Field(None, description="HTTP method; none matches every method")
    path_regex: str = Field(description="searched in the path, without the query")
    status: int | None = Field(
        None, description="answered instead; 0 cuts the connection; none answers as usual, late"
    )
    delay_seconds: float = Field(0, ge=0, le=600, description="wait before anything else")
    times: int | None = Field(1, ge=1, description="how many requests it meets; null: all")
    retry_after: float | None = Field(None, description="seconds, sent as Retry-After")
    after: bool = Field(
        False, description="the request takes effect first, and only its answer is replaced"
    )
    body: Any = Field(None, description="the answer's JSON; none: the vendor's own error body")

    @field_validator("path_regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one that this rule is for."""
        wanted = self.method is None or self.method.upper() == method
        return wanted and re.search(self.path_regex, path) is not None


class ErrorBody(Protocol):
    """Makes a vendor's error body for a status code."""

    def __call__(self, status: int, /) -> Mapping[str, Any]: ...


def plain_error(status: int, /) -> Mapping[str, Any]:
    """An error body for an app that names none of its own."""
    return {"message": f"injected failure {status}"}


async def _cut(send: Send) -> None:
    """Break the connection in the middle of an answer: the server closes what is not finished."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Faults:
    """ASGI middleware: applies the rules and keeps the journal."""

    def __init__(self, app: ASGIApp, state: FaultState) -> None:
        """Wrap `app`; the rules and the journal are in `state`, which outlives the wrapping."""
        self._app = app
        self._state = state

    @staticmethod
    def install(app: FastAPI, error_body: ErrorBody = plain_error) -> FaultState:
        """Put the middleware outermost around `app`; the state is for tests in process."""
        state = FaultState(error_body)
        app.add_middleware(Faults, state=state)
        return state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or its failure."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in CONTROL_PATHS:
            response = await self._state.control(Request(scope, receive))
            await response(scope, receive, send)
            return
        rule = self._state.take(scope["method"], scope["path"])
        entry = self._state.begin(scope, faulty=rule is not None)

        async def journalled(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        if rule is None:
            await self._app(scope, receive, journalled)
            return
        await asyncio.sleep(rule.delay_seconds)
        if rule.status is None:
            await self._app(scope, receive, journalled)
            return
        if rule.after:
            await self._app(scope, receive, _swallow)
        if rule.status == 0:
            entry["status"] = 0
            await _cut(send)
            return
        await self._state.answer(rule)(scope, receive, journalled)


async def _swallow(_message: Message) -> None:
    """Drop an answer that the client must not see."""


class FaultState:
    """The rules and the journal of one app."""

    def __init__(self, error_body: ErrorBody) -> None:
        """No rules, an empty journal."""
        self._error_body = error_body
        self._rules: list[Rule] = []
        self._journal: deque[dict[str, Any]] = deque(maxlen=JOURNAL_SIZE)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The journal, oldest first."""
        return list(self._journal)

    def add(self, rule: Rule) -> None:
        """Let `rule` meet the requests from now on."""
        self._rules.append(rule)

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    def take(self, method: str, path: str) -> Rule | None:
        """The rule that meets this request, counted."""
        for rule in self._rules:
            if rule.matches(method, path):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times == 0:
                        self._rules.remove(rule)
                return rule
        return None

    def begin(self, scope: Scope, *, faulty: bool) -> dict[str, Any]:
        """Write a request down; its status follows when it is known."""
        entry: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "status": None,
            "fault": faulty,
        }
        self._journal.append(entry)
        return entry

    def answer(self, rule: Rule) -> Response:
        """The answer that `rule` asks for."""
        status = rule.status or 500
        body = rule.body if rule.body is not None else dict(self._error_body(status))
        headers: dict[str, str] = {}
        if rule.retry_after is not None:
            headers["Retry-After"] = f"{rule.retry_after:g}"
        return JSONResponse(body, status_code=status, headers=headers)

    async def control(self, request: Request) -> Response:
        """Serve the control endpoints."""
        listing: Callable[[], list[Any]]
        if request.url.path == "/_requests":
            listing = lambda: self.requests  # noqa: E731 - two one-line choices side by side
            forget = self._journal.clear
        else:
            listing = lambda: [rule.model_dump() for rule in self._rules]  # noqa: E731
            forget = self.clear
            if request.method == "POST":
                try:
                    self.add(Rule.model_validate(await request.json()))
                except (ValidationError, json.JSONDecodeError) as error:
                    return JSONResponse({"error": str(error)}, status_code=400)
                return JSONResponse(listing(), status_code=201)
        if request.method == "GET":
            return JSONResponse(listing())
        if request.method == "DELETE":
            forget()
            return Response(status_code=204)
        return JSONResponse({"error": "method not allowed"}, status_code=405)
