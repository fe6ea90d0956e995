"""Put the emulated Cloudflare API together."""

# Handlers are used by their decorators only.
# pyright: reportUnusedFunction=false

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from localcloud.emulators.cloudflare import dns, r2, rulesets, zones
from localcloud.emulators.cloudflare.cloud import Cloud, RateLimit, stable_id
from localcloud.emulators.cloudflare.envelope import (
    ApiError,
    Problem,
    failure_body,
    fault_body,
    refuse,
    success,
)
from localcloud.emulators.faults import Faults
from localcloud.emulators.store import Store

BASE_PATH: Final = "/client/v4"
REQUESTS_PER_WINDOW: Final = 1200
WINDOW_SECONDS: Final = 300.0


def create_app(
    store_path: Path | None,
    *,
    tokens: Collection[str],
    seed: Mapping[str, Any] = {},
    requests_per_window: int = REQUESTS_PER_WINDOW,
    dnssec_activation_seconds: float = 0,
    buckets: Path | None = None,
) -> FastAPI:
    """The API over the state at `store_path` (none: in memory only).

    `seed`: `{"account_id": id, "zones": [{"id", "name"} or a name, ...]}`. A signed zone is
    `pending` for `dnssec_activation_seconds`, the time until the registrar has its DS record.
    `buckets` is the folder of an S3 server that has each R2 bucket as a folder.
    """
    cloud = Cloud(
        Store(store_path),
        tokens=tokens,
        seed=seed,
        dnssec_activation_seconds=dnssec_activation_seconds,
        buckets=buckets,
    )
    limit = RateLimit(requests_per_window, WINDOW_SECONDS)
    app = FastAPI(title="Cloudflare API v4, emulated", docs_url=None, redoc_url=None)

    async def admit(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if not request.url.path.startswith(f"{BASE_PATH}/"):
            return await call_next(request)
        try:
            limit.count(_authenticated(request, cloud.tokens))
        except ApiError as error:
            return error.response()
        return await call_next(request)

    app.middleware("http")(admit)
    app.exception_handler(ApiError)(_api_error)
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(HTTPException)(_no_route)
    for part in (_account_router(cloud), *(m.router(cloud) for m in (zones, dns, rulesets, r2))):
        app.include_router(part, prefix=BASE_PATH)
    app.state.faults = Faults.install(app, error_body=fault_body)
    return app


def _authenticated(request: Request, tokens: Collection[str]) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refuse(401, 10000, "Authentication error")
    if token not in tokens:
        raise refuse(403, 9109, "Invalid access token")
    return token


def _account_router(cloud: Cloud) -> APIRouter:
    router = APIRouter()
    account = {"id": cloud.account_id, "name": "local", "type": "standard"}

    @router.get("/user/tokens/verify")
    def verify(request: Request) -> dict[str, Any]:
        token_id = stable_id(request.headers["Authorization"])
        return success({"id": token_id, "status": "active"})

    @router.get("/accounts")
    def accounts() -> dict[str, Any]:
        return success([account], {"page": 1, "per_page": 20, "count": 1, "total_count": 1})

    @router.get("/accounts/{account_id}")
    def one_account(account_id: str) -> dict[str, Any]:
        cloud.check_account(account_id)
        return success(account)

    return router


def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for this class only
    return error.response()


def _malformed(_request: Request, error: Exception) -> Response:
    problem = Problem(9207, f"Request body is invalid: {error}")
    return JSONResponse(failure_body([problem]), status_code=400)


def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    path = request.url.path.removeprefix(BASE_PATH)
    problem = Problem(7000, f"No route for that URI: {request.method} {path}")
    return JSONResponse(failure_body([problem]), status_code=status)
