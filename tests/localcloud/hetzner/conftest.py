"""An emulator of its own for each test, on machines in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn
from hcloud import Client

from localcloud.emulators.hetzner.app import create_app
from localcloud.machines.memory import MemoryMachines
from localcloud.providers import hcloud as stand_in
from localcloud.providers.server import serve as serve_provider
from tests.localcloud.providers.engine import Harness

TOKEN = "token-of-the-tests".ljust(64, "0")


T = TypeVar("T")


def given(value: T | None) -> T:
    """A value that must be there: the vendor's types allow None nearly everywhere."""
    assert value is not None
    return value


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator and the vendor's client for it."""

    endpoint: str
    client: Client
    machines: MemoryMachines

    def fault(self, **rule: object) -> None:
        """Let a request fail."""
        httpx.post(f"{self.endpoint.removesuffix('/v1')}/_faults", json=rule).raise_for_status()

    def journal(self) -> list[dict[str, Any]]:
        """What was asked so far."""
        return httpx.get(f"{self.endpoint.removesuffix('/v1')}/_requests").json()


def serve(machines: MemoryMachines, store: Path | None = None, **options: Any) -> Any:
    """Start an emulator on a free port; answers it and the function that stops it."""
    app = create_app(store, tokens=[TOKEN], machines=machines, **options)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}/v1"
    client = Client(TOKEN, api_endpoint=endpoint, poll_interval=0.02)

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return Emulator(endpoint=endpoint, client=client, machines=machines), stop


@pytest.fixture
def emulator() -> Generator[Emulator]:
    """An emulator without anything in it."""
    running, stop = serve(MemoryMachines())
    yield running
    stop()


@pytest.fixture
def harness(tmp_path: Path) -> Generator[Harness]:
    """The real engine with the stand-in attached; its program can be exchanged."""
    running = serve_provider(stand_in.provider())
    yield Harness(tmp_path, f"hcloud:{running.port}")
    running.stop(0).wait()
