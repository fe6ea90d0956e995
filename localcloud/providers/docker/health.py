"""Waiting for containers to become healthy, with one events stream per host instead of polling."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from localcloud.providers.docker.api import DockerApi
from localcloud.providers.framework import Context, ProviderError

_RECHECK_SECONDS: Final = 2.0  # an event may be lost when the stream breaks
NO_HEALTHCHECK: Final = (
    "you have supplied a 'wait' argument, but the container does not have a healthcheck defined. "
    "Please remove the 'wait' argument or add a 'healthcheck' attribute"
)

Api = Callable[[], AbstractContextManager[DockerApi]]


class HealthWatcher:
    """Tells waiting threads when the health of any container of a host has changed."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._changed = threading.Condition()
        self._events: dict[str, int] = {}
        self._waiting = 0
        self._stream: Any = None

    def wait_until_healthy(self, ctx: Context[Any], container_id: str, timeout: float) -> None:
        """Return when the container is healthy; raise when it is not in time, or has no check."""
        until = time.monotonic() + timeout
        with self._listening():
            while True:
                seen = self._events.get(container_id, 0)
                health = self._health(container_id)
                if health.get("Status") == "healthy":
                    return
                left = until - time.monotonic()
                if left <= 0:
                    raise ProviderError(
                        f"container failed to be in healthy state{_last_output(health)}"
                    )
                self._wait(ctx, container_id, seen, min(left, _RECHECK_SECONDS))

    def _wait(self, ctx: Context[Any], container_id: str, seen: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while self._events.get(container_id, 0) == seen and time.monotonic() < until:
                ctx.check_cancelled()
                self._changed.wait(min(0.5, max(0.0, until - time.monotonic())))

    def _health(self, container_id: str) -> dict[str, Any]:
        with self._api() as api:
            state = api.get("/containers/{0}/json", container_id)["State"]
        health: dict[str, Any] | None = state.get("Health")
        if health is None or health.get("Status") == "none":
            raise ProviderError(NO_HEALTHCHECK)
        return health

    @contextmanager
    def _listening(self) -> Generator[None]:
        with self._changed:
            self._waiting += 1
            if self._waiting == 1:
                threading.Thread(target=self._listen, daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                stream = self._stream if self._waiting == 0 else None
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        """Follow the events while anyone waits; without them waiting only gets slower."""
        filters = {"type": ["container"], "event": ["health_status", "die"]}
        try:
            with self._api() as api:
                stream = api.events(filters)
                with self._changed:
                    if self._stream is not None or self._waiting == 0:
                        stream.close()
                        return
                    self._stream = stream
                for event in stream:
                    container_id: str = event.get("Actor", {}).get("ID", "")
                    with self._changed:
                        self._events[container_id] = self._events.get(container_id, 0) + 1
                        self._changed.notify_all()
        except (ProviderError, OSError, ValueError, AttributeError):
            return  # closed, or the connection broke
        finally:
            with self._changed:
                self._stream = None


def _last_output(health: dict[str, Any]) -> str:
    """What the health check said last; the official plugin leaves one guessing."""
    log: list[dict[str, Any]] = health.get("Log") or []
    if not log:
        return ""
    last = log[-1]
    output = str(last.get("Output", "")).strip()
    return f" (its check answered {last.get('ExitCode')}: {output[:500]})"
