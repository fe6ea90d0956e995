"""Serve the vendors' emulators in one process: `python -m localcloud.emulators`.

Prints one line when all of them answer, then serves until SIGTERM or SIGINT:

    ready hetzner=http://127.0.0.1:8801/v1 cloudflare=http://... github=http://...

Options (each with the environment variable that it falls back to):

    --home DIR               MANACORE_HOME        default ~/.cache/manacore; the state is kept in
                                                  DIR/local/emulators/<vendor>/state.json
    --seed FILE                                   JSON, a key per vendor, e.g.
                                                  {"cloudflare": {"account_id": "...",
                                                                  "zones": ["example.com"]},
                                                   "github": {"owner": "...", "plan": "team",
                                                              "repositories": ["monorepo"]},
                                                   "hetzner": {}}
    --hetzner-token TOKEN    HCLOUD_TOKEN         accepted bearer token; the option may be repeated
    --cloudflare-token TOKEN CLOUDFLARE_API_TOKEN
    --github-token TOKEN     GITHUB_TOKEN
    --only VENDOR                                 serve only this one (may be repeated)
    --host ADDRESS                                default 127.0.0.1
    --machines memory|docker                      what stands behind a Hetzner server; default
                                                  docker: containers of the outer Docker
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from localcloud.home import Home
from localcloud.objects.store import buckets


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One emulator: where it listens and what its clients call their token."""

    name: str
    port: int
    base_path: str
    token_variable: str

    def url(self, host: str) -> str:
        """Base URL as the vendor's clients want it."""
        return f"http://{host}:{self.port}{self.base_path}"


VENDORS = (
    Vendor(name="hetzner", port=8801, base_path="/v1", token_variable="HCLOUD_TOKEN"),  # noqa: S106
    Vendor(
        name="cloudflare",
        port=8802,
        base_path="/client/v4",
        token_variable="CLOUDFLARE_API_TOKEN",  # noqa: S106 - a variable's name
    ),
    Vendor(name="github", port=8803, base_path="/", token_variable="GITHUB_TOKEN"),  # noqa: S106
)


class _Server(uvicorn.Server):
    """A server that leaves the signals alone: several of them run in one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; the environment fills what it leaves out."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.emulators")
    parser.add_argument("--home", type=Path, default=Home.from_environment().root)
    parser.add_argument("--seed", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--machines", choices=("docker", "memory"), default="docker")
    parser.add_argument("--only", action="append", choices=[vendor.name for vendor in VENDORS])
    for vendor in VENDORS:
        parser.add_argument(f"--{vendor.name}-token", action="append")
    return parser.parse_args(arguments)


def build(
    vendor: Vendor,
    *,
    home: Path,
    tokens: Collection[str],
    seed: Mapping[str, Any],
    machines: str,
) -> FastAPI:
    """The vendor's app on its own state."""
    module = importlib.import_module(f"localcloud.emulators.{vendor.name}.app")
    store_path = home / "local" / "emulators" / vendor.name / "state.json"
    extra: dict[str, Any] = {}
    if vendor.name == "hetzner":
        extra = {"machines": machines, "home": Home(home)}
    if vendor.name == "cloudflare":
        extra = {"buckets": buckets(Home(home))}
    app = module.create_app(store_path, tokens=tokens, seed=seed, **extra)
    return cast("FastAPI", app)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; the process ends with one line when the port is taken."""
    try:
        return socket.create_server((host, port), backlog=512)
    except OSError as error:
        # The library's text repeats the address.
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SystemExit(f"{host}:{port}: {reason}") from error


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal ends it; every server is stopped before it returns."""
    seed: dict[str, Any] = json.loads(options.seed.read_text()) if options.seed else {}
    vendors = [vendor for vendor in VENDORS if not options.only or vendor.name in options.only]
    sockets = [_listen(options.host, vendor.port) for vendor in vendors]
    servers: list[_Server] = []
    for vendor in vendors:
        given: list[str] = getattr(options, f"{vendor.name}_token") or []
        tokens = [token for token in (*given, os.environ.get(vendor.token_variable)) if token]
        app = build(
            vendor,
            home=options.home,
            tokens=tokens,
            seed=seed.get(vendor.name, {}),
            machines=options.machines,
        )
        config = uvicorn.Config(
            app,
            host=options.host,
            port=vendor.port,
            log_level="warning",
            timeout_graceful_shutdown=5,
        )
        servers.append(_Server(config))

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    running = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, sockets, strict=True)
    ]
    while not all(server.started for server in servers):
        if any(task.done() for task in running):
            stop()
            break
        await asyncio.sleep(0.05)
    else:
        urls = " ".join(f"{vendor.name}={vendor.url(options.host)}" for vendor in vendors)
        sys.stdout.write(f"ready {urls}\n")
        sys.stdout.flush()
    await asyncio.gather(*running)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the module."""
    asyncio.run(serve(parse(sys.argv[1:] if arguments is None else arguments)))


if __name__ == "__main__":
    main()
