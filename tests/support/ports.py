"""Ports for servers that a test starts."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_RANGE = range(10_000 + _WORKER, 32_768, _WORKERS)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has.

    Below those that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range), or one
    of them could have it before the server does. None is given twice: a test that asks for many
    before its server binds them would now and then get one of them again, and so would the test
    beside it if pytest's workers shared the range.
    """
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def _shuffled() -> Iterator[int]:
    """Shuffled, since two runs on one machine can meet."""
    yield from random.sample(_RANGE, len(_RANGE))


_ports = _shuffled()
