"""The emulator, served on a free port for clients that need a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cloudflare import Cloudflare
from fastapi import FastAPI

from localcloud.emulators.cloudflare.app import create_app
from localcloud.emulators.faults import FaultState, Rule

TOKEN = "local-token"
ACCOUNT = "a" * 32
ZONE = "b" * 32
OTHER_ZONE = "c" * 32
DOMAIN = "manacore.app"
SEED = {
    "account_id": ACCOUNT,
    "zones": [{"id": ZONE, "name": DOMAIN}, {"id": OTHER_ZONE, "name": "märchen-zauber.de"}],
}


@dataclass(frozen=True)
class Served:
    """A running emulator."""

    app: FastAPI
    root: str

    @property
    def url(self) -> str:
        """The base address that clients are given."""
        return f"{self.root}/client/v4"

    @property
    def faults(self) -> FaultState:
        """The failures and the journal."""
        return self.app.state.faults

    def fail(self, **rule: Any) -> None:
        """Add a failure."""
        self.faults.add(Rule(**rule))

    def asked(self, *methods: str) -> list[str]:
        """The paths that were asked with one of the methods, oldest first."""
        return [entry["path"] for entry in self.faults.requests if entry["method"] in methods]

    def client(self, **options: Any) -> Any:
        """The vendor's official client, untyped: tests send what its types forbid, too."""
        given: dict[str, Any] = {"api_token": TOKEN, "base_url": self.url, "max_retries": 0}
        return Cloudflare(**{**given, **options})

    def plain(self, token: str = TOKEN) -> httpx.Client:
        """A plain HTTP client."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=10)


@contextmanager
def serving(path: Path | None = None, **options: Any) -> Generator[Served]:
    """Serve an emulator until the block ends."""
    app = create_app(path, tokens=[TOKEN], seed=SEED, **options)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield Served(app, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
