"""HTTP probes: one connection kept, a new one per request, and slow uploads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar

from ops.release.probe_report import Kind
from ops.release.probes.connection import Connection
from ops.release.probes.failure import LOST, reason
from ops.release.probes.pace import pause
from ops.release.probes.probe import Probe

_CHUNK = b"manacore" * 32
_CHUNK_SECONDS = 0.5


@dataclass(kw_only=True)
class KeepAlive(Probe):
    """One connection, reused for every request.

    The server may close it between requests. A request that was sent on it and got no answer is
    lost, even when the server closed at that very moment: its user cannot know what became of it.
    """

    kind: ClassVar[Kind] = Kind.KEEP_ALIVE
    _connection: Connection | None = None

    @property
    def interval(self) -> float:
        """Seconds from one request to the next."""
        return self.pace.interval(self.pace.keep_alive_per_second)

    async def run(self, stop: asyncio.Event) -> None:
        """Ask on the kept connection."""
        async for _ in self.ticks(stop):
            try:
                connection = await self._usable()
                answer = await connection.get(self.target.path, self.pace.answer_seconds)
            except LOST as error:
                self.failed(reason(error))
                await self._drop()
            else:
                self.answered(answer.seconds, answer.status)
        await self._drop()

    async def _usable(self) -> Connection:
        if self._connection and not await self._connection.usable():
            self.reopened()
            await self._drop()
        if self._connection is None:
            self._connection = await Connection.open(self.target, self.pace.connect_seconds)
        return self._connection

    async def _drop(self) -> None:
        if self._connection:
            await self._connection.close()
            self._connection = None


@dataclass(kw_only=True)
class NewConnection(Probe):
    """A new connection per request; connecting counts as part of its duration."""

    kind: ClassVar[Kind] = Kind.NEW_CONNECTION

    @property
    def interval(self) -> float:
        """Seconds from one request to the next."""
        return self.pace.interval(self.pace.new_connections_per_second)

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, ask, close."""
        loop = asyncio.get_running_loop()
        async for _ in self.ticks(stop):
            began = loop.time()
            connection: Connection | None = None
            try:
                connection = await Connection.open(self.target, self.pace.connect_seconds)
                answer = await connection.get(self.target.path, self.pace.answer_seconds)
            except LOST as error:
                self.failed(reason(error))
            else:
                self.answered(loop.time() - began, answer.status)
            if connection:
                await connection.close()


@dataclass(kw_only=True)
class Upload(Probe):
    """A POST whose body takes `upload_seconds`; an early answer ends it."""

    kind: ClassVar[Kind] = Kind.UPLOAD

    @property
    def interval(self) -> float:
        """Seconds from one request to the next."""
        return self.pace.upload_interval

    async def run(self, stop: asyncio.Event) -> None:
        """Upload; at `stop` the body ends at once, and the answer still counts."""
        async for _ in self.ticks(stop):
            connection: Connection | None = None
            path = self.target.upload_path or self.target.path
            try:
                connection = await Connection.open(self.target, self.pace.connect_seconds)
                # A server that stops reading holds the body up: that, too, has an end.
                async with asyncio.timeout(self.pace.upload_seconds + self.pace.answer_seconds):
                    answer = await connection.post(path, self._body(stop), self.pace.answer_seconds)
            except LOST as error:
                self.failed(reason(error))
            else:
                self.answered(answer.seconds, answer.status)
            if connection:
                await connection.close()

    async def _body(self, stop: asyncio.Event) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.pace.upload_seconds
        step = min(_CHUNK_SECONDS, self.pace.upload_seconds / 4)
        while True:
            yield _CHUNK
            left = end - loop.time()
            if left <= 0 or await pause(min(step, left), stop):
                return
