"""The emulator, served on a free port for clients that need a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from github import Auth, Github

from localcloud.emulators.faults import FaultState, Rule
from localcloud.emulators.github.app import create_app
from localcloud.emulators.github.cloud import Cloud

TOKEN = "local-token"
OWNER = "wuesteon"
REPOSITORY = "monorepo"


@dataclass(frozen=True)
class Served:
    """A running emulator."""

    app: FastAPI
    url: str

    @property
    def cloud(self) -> Cloud:
        """The emulated cloud itself."""
        return self.app.state.cloud

    @property
    def faults(self) -> FaultState:
        """The failures and the journal."""
        return self.app.state.faults

    def fail(self, **rule: Any) -> None:
        """Add a failure."""
        self.faults.add(Rule(**rule))

    def client(self, token: str = TOKEN) -> httpx.Client:
        """A plain client with a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=10)

    def github(self, root: str = "", **options: Any) -> Github:
        """The vendor's official client."""
        options = {"retry": None, "seconds_between_writes": 0, **options}
        return Github(
            base_url=f"{self.url}{root}",
            auth=Auth.Token(TOKEN),
            seconds_between_requests=0,
            **options,
        )


@contextmanager
def serving(
    seed: Mapping[str, Any] | None = None, path: Path | None = None, **options: Any
) -> Generator[Served]:
    """Serve an emulator until the block ends."""
    seed = {"owner": OWNER, "repository": REPOSITORY, **(seed or {})}
    app = create_app(path, tokens=[TOKEN], seed=seed, **options)
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
