"""GitHub's REST API for what the platform needs of it, on one machine.

Served under `/` as api.github.com does, and under `/api/v3/` where clients look on any other
host. Every answer carries GitHub's headers: rate limit, request id, and an ETag that makes a
conditional request answer 304. There is no GraphQL: no resource that the platform uses needs it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from localcloud.emulators.faults import Faults
from localcloud.emulators.github import accounts, environments, repositories, rulesets, values
from localcloud.emulators.github.cloud import Cloud
from localcloud.emulators.github.errors import DOCS, ApiError, injected
from localcloud.emulators.github.web import ENTERPRISE_ROOT, etag
from localcloud.emulators.store import Store

Next = Callable[[Request], Awaitable[Response]]
_HOUR = 3600
_LIMITS = f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api"


class RateLimit:
    """The primary limit: so many requests an hour for each token."""

    def __init__(self, limit: int) -> None:
        """Nothing used yet."""
        self.limit = limit
        self._used: dict[str, int] = {}
        self._reset = 0.0

    def take(self, token: str, *, counts: bool = True) -> bool:
        """Count a request; whether it is within the limit."""
        if time.time() >= self._reset:
            self._used.clear()
            self._reset = time.time() + _HOUR
        if counts:
            self._used[token] = self._used.get(token, 0) + 1
        return self._used.get(token, 0) <= self.limit

    def state(self, token: str) -> dict[str, int]:
        """Limit, used, remaining, and when it starts anew."""
        used = min(self._used.get(token, 0), self.limit)
        remaining = self.limit - used
        return {
            "limit": self.limit,
            "used": used,
            "remaining": remaining,
            "reset": int(self._reset),
        }


class Gate:
    """What every request passes: token, rate limit, headers, conditional requests."""

    def __init__(self, tokens: Collection[str], limit: RateLimit) -> None:
        """Let the bearers of `tokens` in."""
        self._tokens = frozenset(tokens)
        self._limit = limit

    async def __call__(self, request: Request, following: Next) -> Response:
        """Serve one request."""
        try:
            request.state.token = self._admit(request)
            response = await self._tagged(request, await following(request))
        except ApiError as error:
            response = _error(error)
        for name, value in self._limit.state(self._bearer(request)).items():
            response.headers[f"X-RateLimit-{name.title()}"] = str(value)
        response.headers["X-RateLimit-Resource"] = "core"
        response.headers["X-GitHub-Request-Id"] = uuid.uuid4().hex.upper()
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        return response

    @staticmethod
    def _bearer(request: Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() in ("bearer", "token") else ""

    def _admit(self, request: Request) -> str:
        """The token, when it is known and has not used its limit up."""
        token = self._bearer(request)
        if not token:
            raise ApiError(401, "Requires authentication")
        if token not in self._tokens:
            raise ApiError(401, "Bad credentials")
        path = request.url.path.removeprefix(ENTERPRISE_ROOT)
        if not self._limit.take(token, counts=path != "/rate_limit"):
            raise ApiError(403, "API rate limit exceeded for user.", documentation_url=_LIMITS)
        return token

    @staticmethod
    async def _tagged(request: Request, response: Response) -> Response:
        if response.status_code not in (200, 201):
            return response
        chunks = cast("AsyncIterator[bytes]", getattr(response, "body_iterator", None))
        body = b"".join([chunk async for chunk in chunks])
        headers = dict(response.headers)
        tag = headers["etag"] = etag(body)
        if request.method == "GET" and tag in request.headers.get("If-None-Match", ""):
            del headers["content-length"]
            return Response(status_code=304, headers=headers)
        return Response(body, response.status_code, headers)


def create_app(
    store_path: Path | None = None,
    *,
    tokens: Collection[str],
    seed: Mapping[str, Any] | None = None,
    rate_limit: int = 5000,
) -> FastAPI:
    """The emulator, on the state at `store_path` (None: in memory), for the bearers of `tokens`.

    `seed`: see `localcloud.emulators.github.cloud`. The app's `state.cloud` is the emulated
    cloud, `state.faults` the failures, both for tests in the same process.
    """
    app = FastAPI(title="GitHub", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.cloud = Cloud(Store(store_path), seed or {})
    limit = RateLimit(rate_limit)

    async def rate(request: Request) -> dict[str, Any]:
        state = limit.state(request.state.token)
        return {"resources": {"core": state, "graphql": state, "search": state}, "rate": state}

    for root in ("", ENTERPRISE_ROOT):
        app.add_api_route(f"{root}/rate_limit", rate)
        app.add_api_route(f"{root}/meta", _meta)
        for module in (accounts, repositories, environments, values, rulesets):
            app.include_router(module.router, prefix=root)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_path)
    app.middleware("http")(Gate(tokens, limit))
    app.state.faults = Faults.install(app, error_body=injected)
    return app


async def _meta() -> dict[str, Any]:
    return {"verifiable_password_authentication": False, "installed_version": "3.19.0"}


def _error(error: ApiError) -> Response:
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


async def _on_api_error(_request: Request, error: Exception) -> Response:
    return _error(cast("ApiError", error))


async def _on_http_error(_request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    # GitHub tells no method from no path.
    return _error(ApiError(404 if status == 405 else status, "Not Found"))


async def _on_bad_path(_request: Request, _cause: Exception) -> Response:
    return _error(ApiError(404, "Not Found"))
