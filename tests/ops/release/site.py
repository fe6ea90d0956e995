"""An HTTPS server in a thread, that does what a test wants and knows what it did."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import h11

from tests.ops.release.authority import Authority


@dataclass
class Loop:
    """An event loop in a thread."""

    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the loop, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)


@contextmanager
def looping() -> Generator[Loop]:
    """A loop until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Loop(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass
class Site:
    """What the server does with the next requests, and what it has seen.

    `statuses` are given in turn. `reset` breaks the connection after the whole request,
    `silent` never answers, `early` answers before the body and closes, `closing` answers with
    `Connection: close`, `close_idle` answers and closes without having said so.
    """

    authority: Authority
    statuses: tuple[int, ...] = (200,)
    behaviour: str = "answer"
    requests: int = 0
    answers: int = 0
    connections: int = 0
    hosts: set[str] = field(default_factory=set[str])
    names: set[str | None] = field(default_factory=set[str | None])
    upload_seconds: list[float] = field(default_factory=list[float])
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    _server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on a listening socket, of which this keeps a copy."""
        context = self.authority.for_server()
        context.sni_callback = lambda _socket, name, _context: self.names.add(name)
        self._server = await asyncio.start_server(self._serve, sock=listener.dup(), ssl=context)

    async def kill(self) -> None:
        """Stop at once: whatever is open is reset."""
        await self._stop_listening()
        for writer in tuple(self._open):
            _reset(writer)

    async def drain(self) -> None:
        """Stop politely: each connection gets one more answer, that says it is the last."""
        self.behaviour = "closing"
        await self._stop_listening()
        while self._open:
            await asyncio.sleep(0.01)

    async def _stop_listening(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        http = h11.Connection(h11.SERVER)
        with contextlib.suppress(OSError, h11.RemoteProtocolError):
            while await self._request(http, reader, writer):
                http.start_next_cycle()
            writer.close()
        self._open.discard(writer)

    async def _request(
        self, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Handle one request; whether another may follow."""
        loop = asyncio.get_running_loop()
        while not isinstance(event := await _next(http, reader), h11.Request):
            if isinstance(event, h11.ConnectionClosed):
                return False
        began = loop.time()
        self.hosts.add(dict(event.headers)[b"host"].decode())
        if self.behaviour != "early":
            while not isinstance(await _next(http, reader), h11.EndOfMessage):
                pass
        if event.method == b"POST":
            self.upload_seconds.append(loop.time() - began)
        status = self.statuses[self.requests % len(self.statuses)]
        self.requests += 1
        match self.behaviour:
            case "reset":
                _reset(writer)
                return False
            case "silent":
                await reader.read()
                return False
            case behaviour:
                last = behaviour in ("closing", "early")
                _answer(http, writer, status, last=last)
                self.answers += 1
                return not last and behaviour != "close_idle"


def _answer(http: h11.Connection, writer: asyncio.StreamWriter, status: int, *, last: bool) -> None:
    headers = [("Content-Length", "2"), *([("Connection", "close")] if last else [])]
    for event in (
        h11.Response(status_code=status, headers=headers),
        h11.Data(data=b"ok"),
        h11.EndOfMessage(),
    ):
        writer.write(http.send(event) or b"")


async def _next(http: h11.Connection, reader: asyncio.StreamReader) -> Any:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(65536))
    return event


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a process that is killed with unread data does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
