"""The Hetzner Cloud API as a FastAPI app."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from localcloud.emulators.faults import Faults
from localcloud.emulators.hetzner import (
    firewalls,
    networks,
    primary_ips,
    server_routes,
    small,
    volumes,
)
from localcloud.emulators.hetzner.cloud import Cloud
from localcloud.emulators.hetzner.errors import CODES_BY_STATUS, ApiError, injected
from localcloud.emulators.store import Store
from localcloud.home import Home
from localcloud.machines.machine import Machines
from localcloud.machines.memory import MemoryMachines

RATE_LIMIT = 3600
"""Requests per hour and project; they come back one per second."""


class RateLimit:
    """The vendor's limit: a bucket that fills by one request per second."""

    def __init__(self, limit: int) -> None:
        """A full bucket."""
        self.limit = limit
        self._left = float(limit)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Whether one more request is allowed."""
        at = time.monotonic()
        self._left = min(self.limit, self._left + (at - self._at) * self.limit / 3600)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def headers(self) -> dict[str, str]:
        """The vendor's headers."""
        missing = (self.limit - self._left) * 3600 / self.limit
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(int(self._left)),
            "RateLimit-Reset": str(int(time.time() + missing)),
        }


def make_machines(kind: str, home: Home) -> Machines:
    """What runs the servers: `docker` or `memory`."""
    if kind == "memory":
        return MemoryMachines()
    # The Docker SDK is wanted by nobody who serves machines in memory.
    from localcloud.machines.docker import DockerMachines  # noqa: PLC0415

    return DockerMachines(home)


def create_app(
    store_path: Path | None,
    *,
    tokens: Collection[str],
    seed: Mapping[str, Any] | None = None,
    machines: Machines | str = "docker",
    action_seconds: float = 0.0,
    rate_limit: int = RATE_LIMIT,
    home: Home | None = None,
) -> FastAPI:
    """The emulator on the state at `store_path`; nothing needs to be seeded."""
    seed = seed or {}
    runner = (
        make_machines(machines, home or Home.from_environment())
        if isinstance(machines, str)
        else machines
    )
    seconds = float(seed.get("action_seconds", action_seconds))
    cloud = Cloud(Store(store_path), runner, seconds)
    limit = RateLimit(int(seed.get("rate_limit", rate_limit)))
    allowed = frozenset(tokens)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        cloud.actions.resume()
        yield
        cloud.actions.close()

    app = FastAPI(title="Hetzner Cloud API", openapi_url=None, lifespan=lifespan)
    app.state.cloud = cloud
    api = APIRouter(prefix="/v1")
    for router in (
        server_routes.router(cloud),
        networks.router(cloud),
        volumes.router(cloud),
        firewalls.router(cloud),
        primary_ips.router(cloud),
        small.ssh_keys(cloud),
        small.placement_groups(cloud),
        small.offers(),
        small.actions(cloud),
    ):
        api.include_router(router)
    app.include_router(api)
    _add_errors(app)

    @app.middleware("http")
    async def admit(request: Request, serve: Callable[[Request], Awaitable[Response]]) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in allowed:
            return _answer(ApiError("unauthorized", "unable to authenticate"))
        if not limit.take():
            error = ApiError(
                "rate_limit_exceeded", f"limit of {limit.limit} requests per hour reached"
            )
            response = _answer(error)
        else:
            response = await serve(request)
        response.headers.update(limit.headers)
        return response

    Faults.install(app, injected)
    return app


def _answer(error: ApiError) -> JSONResponse:
    return JSONResponse(error.body, status_code=error.status)


def _add_errors(app: FastAPI) -> None:
    """Let every error have the vendor's body."""

    @app.exception_handler(ApiError)
    async def api_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 - tells the type checker what is registered
        return _answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        problems = error.errors()
        if any(item["loc"][0] == "path" for item in problems):
            return _answer(ApiError("not_found", "not found"))
        fields: dict[str, list[str]] = {}
        for item in problems:
            where = ".".join(str(part) for part in item["loc"][1:])
            fields.setdefault(where, []).append(item["msg"])
        names = ", ".join(f"'{name}'" for name in fields)
        listed = [{"name": name, "messages": messages} for name, messages in fields.items()]
        message = f"invalid input in fields {names}"
        return _answer(ApiError("invalid_input", message, {"fields": listed}))

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code = CODES_BY_STATUS.get(error.status_code, "service_error")
        return _answer(ApiError(code, str(error.detail)))
