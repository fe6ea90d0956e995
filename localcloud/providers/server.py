"""Serves the stand-ins: one process, one port each, until it is told to stop.

`python -m localcloud.providers [--port NAME=PORT ...] [--only NAME ...]` prints
`ready hcloud:8811,cloudflare:8812,...` (the value for PULUMI_DEBUG_PROVIDERS) when it serves,
and stops on SIGTERM or SIGINT after the operations that run have had some seconds to finish.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.providers.framework import Provider
from localcloud.providers.servicer import Servicer

PORTS: Final[Mapping[str, int]] = {
    "hcloud": 8811,
    "cloudflare": 8812,
    "github": 8813,
    "docker": 8814,
    "command": 8815,
    "random": 8816,
}
"""Each stand-in is `localcloud.providers.<name>` and has a function `provider()`."""

_THREADS: Final = 96  # the engine's highest sensible parallelism, and its checks and diffs
_GRACE_SECONDS: Final = 20.0
_MAX_MESSAGE: Final = 400 * 1024 * 1024  # as the engine's own limit
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", _MAX_MESSAGE),
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server behind it
)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A provider that is being served."""

    name: str
    port: int
    server: grpc.Server

    def stop(self, grace: float = _GRACE_SECONDS) -> threading.Event:
        """Take no more calls; the event is set when the running ones have ended."""
        return self.server.stop(grace)


def serve(provider: Provider[Any], port: int = 0) -> Running:
    """Serve a provider on a local port (0: any free one)."""
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider), server)
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
    except RuntimeError as error:
        raise OSError(f"provider {provider.name}: port {port} on 127.0.0.1 is in use") from error
    server.start()
    return Running(name=provider.name, port=bound, server=server)


def load(name: str) -> Provider[Any] | None:
    """The stand-in of that name, or None when this checkout has none."""
    module = f"localcloud.providers.{name}"
    if importlib.util.find_spec(module) is None:
        return None
    provider: Provider[Any] = importlib.import_module(module).provider()
    return provider


def debug_providers(running: Sequence[Running]) -> str:
    """The value of PULUMI_DEBUG_PROVIDERS that attaches the engine to these."""
    return ",".join(f"{item.name}:{item.port}" for item in running)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.providers", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(PORTS))
    parser.add_argument("--port", nargs="+", metavar="NAME=PORT", default=[])
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")

    ports = {**PORTS, **_parse_ports(options.port)}
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())

    running: list[Running] = []
    for name in options.only or PORTS:
        provider = load(name)
        if provider is None:
            logging.warning("there is no stand-in for %s in this checkout", name)
            continue
        try:
            running.append(serve(provider, ports[name]))
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(f"ready {debug_providers(running)}\n")
    sys.stdout.flush()
    stop.wait()
    for ended in [item.stop() for item in running]:
        ended.wait()
    return 0


def _parse_ports(given: Sequence[str]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for item in given:
        name, _, port = item.partition("=")
        if name not in PORTS or not port.isdigit():
            raise SystemExit(f"--port {item}: expected NAME=PORT with one of {', '.join(PORTS)}")
        ports[name] = int(port)
    return ports
