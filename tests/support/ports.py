"""Ports for servers that a test starts."""

from __future__ import annotations

import random
import socket

_RANGE = range(10_000, 32_768)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has.

    Below those that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range), or one
    of them could have it before the server does.
    """
    for port in random.sample(_RANGE, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
