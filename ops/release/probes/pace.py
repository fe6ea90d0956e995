"""How often the probes ask, and how long they wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

_UPLOAD_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Rates per host, patience, and the bounds of all hosts together.

    A rate, or `upload_seconds`, of 0 leaves that kind of probe out. Every probe has at most one
    connection and one request under way. `stretch` is by how much all intervals are lengthened.

    The bounds are for a release of everything: with 33 hosts the probes would be most of what a
    small platform has to answer, a third of it with a TLS handshake each.
    """

    keep_alive_per_second: float = 2.0
    new_connections_per_second: float = 0.5
    upload_seconds: float = 10.0
    pings_per_second: float = 0.5
    connect_seconds: float = 5.0
    answer_seconds: float = 10.0
    max_requests_per_second: float = 50.0
    max_connections: int = 200
    stretch: float = 1.0

    @property
    def upload_interval(self) -> float:
        """Seconds from the start of one upload to that of the next."""
        return (self.upload_seconds + _UPLOAD_PAUSE_SECONDS) * self.stretch

    def interval(self, per_second: float) -> float:
        """Seconds from one request to the next."""
        return self.stretch / per_second

    def probes(self, *, websocket: bool) -> int:
        """How many probes, and so connections, a host gets."""
        rates = [self.keep_alive_per_second, self.new_connections_per_second, self.upload_seconds]
        return sum(rate > 0 for rate in [*rates, self.pings_per_second if websocket else 0])

    def per_second(self, *, websocket: bool) -> float:
        """How many requests a second a host gets at most."""
        rate = self.keep_alive_per_second + self.new_connections_per_second
        rate += self.pings_per_second if websocket else 0
        return rate / self.stretch + (1 / self.upload_interval if self.upload_seconds else 0)

    def bounded(self, *, plain: int, websockets: int) -> Pace:
        """The pace for so many hosts without and with a WebSocket, slowed down to the bounds.

        Raises `ValueError` when there are more probes than connections.
        """
        connections = plain * self.probes(websocket=False)
        connections += websockets * self.probes(websocket=True)
        if connections > self.max_connections:
            raise ValueError(
                f"{plain + websockets} hosts need {connections} connections, more than "
                f"max_connections ({self.max_connections}): raise it, or leave kinds out"
            )
        rate = plain * self.per_second(websocket=False)
        rate += websockets * self.per_second(websocket=True)
        slower = max(1.0, rate / self.max_requests_per_second)
        return replace(self, stretch=self.stretch * slower)


async def ticks(interval: float, offset: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield after `offset` seconds and then every `interval`, until `stop`.

    What is late is not caught up with: after a stall no burst follows.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + offset
    while not await pause(due - loop.time(), stop):
        yield
        due = max(due + interval, loop.time())


async def pause(seconds: float, stop: asyncio.Event) -> bool:
    """Wait for `seconds`, or for `stop`; whether it has to stop."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
    except TimeoutError:
        return False
    return True
