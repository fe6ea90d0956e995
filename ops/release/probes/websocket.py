"""The WebSocket probe: a connection that is kept open, and asked now and then."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import ClassVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ops.release.probe_report import Kind
from ops.release.probes.connection import USER_AGENT
from ops.release.probes.failure import LOST, reason
from ops.release.probes.probe import Probe
from ops.release.probes.target import tls

# Closed by the server on purpose: done, going away, no code given, restart of the service.
_POLITE = frozenset({1000, 1001, 1005, 1012})
_CLOSE_SECONDS = 1.0
# Its failures are in the report, not between the lines of a release's progress.
_QUIET = logging.Logger("ops.release.websocket", logging.CRITICAL + 1)


@dataclass(kw_only=True)
class WebSocket(Probe):
    """Opening, every ping, and a break without a ping under way count as one request each.

    A close that the server announces (as of a slot that has drained) is no failure.
    """

    kind: ClassVar[Kind] = Kind.WEBSOCKET
    _socket: ClientConnection | None = None
    _watch: asyncio.Task[None] | None = None

    @property
    def interval(self) -> float:
        """Seconds from one request to the next."""
        return self.pace.interval(self.pace.pings_per_second)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a WebSocket open; ping it at each tick, or open it again."""
        async for _ in self.ticks(stop):
            await (self._ping(self._socket) if self._socket else self._open())
        await self._drop()

    async def _open(self) -> None:
        target = self.target
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self.pace.connect_seconds + self.pace.answer_seconds):
                self._socket = await connect(
                    f"wss://{target.host}{target.websocket_path}",
                    host=target.connect_to,
                    port=target.port,
                    ssl=tls(target.verify),
                    proxy=None,
                    compression=None,
                    user_agent_header=USER_AGENT,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=_CLOSE_SECONDS,
                    logger=_QUIET,
                )
        except InvalidStatus as answer:
            self.answered(loop.time() - began, answer.response.status_code)
        except LOST as error:
            self.failed(reason(error))
        else:
            self.answered(loop.time() - began)
            self._watch = asyncio.create_task(self._watched(self._socket))

    async def _ping(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self.pace.answer_seconds):
                seconds = await (await socket.ping())
        except TimeoutError as error:
            self.failed(reason(error))
            await self._drop()
        except ConnectionClosed:
            # The watch counts it: once, whether a ping was under way or not.
            if self._watch:
                await self._watch
        else:
            self.answered(seconds)

    async def _watched(self, socket: ClientConnection) -> None:
        """Read what comes, since pongs come in between, until the connection ends."""
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            self._socket = None
            if closed.rcvd and closed.rcvd.code in _POLITE:
                self.reopened()
            else:
                code = f"closed with {closed.rcvd.code}" if closed.rcvd else "broken"
                self.failed(f"WebSocket {code}")

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if socket:
            await socket.close()
