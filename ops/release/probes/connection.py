"""One HTTP/1.1 connection that knows what was sent, and what came back, at any moment.

The usual clients hide what the prober counts: they send again by themselves, and they drop an
answer that comes while a body is still being sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import AsyncIterator
from dataclasses import dataclass

import h11

from ops.release.probes.target import Target, tls

USER_AGENT = "manacore-prober"
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """A status, and the seconds from the request's last byte to the end of the answer."""

    status: int
    seconds: float


class Connection:
    """A TLS connection to a target; one request at a time."""

    def __init__(
        self, target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Use `Connection.open`."""
        self._target = target
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, target: Target, seconds: float) -> Connection:
        """Connect within `seconds`; raises `OSError`."""
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                target.connect_to,
                target.port,
                ssl=tls(target.verify),
                server_hostname=target.host,
                ssl_shutdown_timeout=_CLOSE_SECONDS,
            )
        return cls(target, reader, writer)

    async def usable(self) -> bool:
        """Whether a request can be sent: neither side has closed.

        Looks at the socket itself, so that what has arrived by now is not overlooked only
        because the loop has not read it.
        """
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        while self._is_open() and self._has_unread():
            await asyncio.sleep(0)
        return self._is_open() and self._http.our_state is h11.IDLE

    async def get(self, path: str, seconds: float) -> Answer:
        """Ask for `path` and read the whole answer within `seconds`. Raises one of `LOST`."""
        async with asyncio.timeout(seconds):
            self._head("GET", path)
            self._send(h11.EndOfMessage())
            sent = _now()
            status = await self._status()
            await self._rest()
        return Answer(status, _now() - sent)

    async def post(self, path: str, body: AsyncIterator[bytes], seconds: float) -> Answer:
        """Send `body` as it comes, and wait `seconds` after its end. Raises one of `LOST`.

        An answer before the end of the body ends the upload: the connection is of no use then.
        """
        receiving = asyncio.create_task(self._status())
        sending = asyncio.create_task(self._upload(path, body))
        try:
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
            sent = _now()
            # Also when sending broke off: the server's answer may have come before that.
            async with asyncio.timeout(seconds):
                status = await receiving
                if sending.done() and not sending.exception():
                    await self._rest()
        finally:
            receiving.cancel()
            sending.cancel()
            await asyncio.gather(receiving, sending, return_exceptions=True)
        return Answer(status, _now() - sent)

    async def close(self) -> None:
        """Close politely within a second; never raises."""
        with contextlib.suppress(OSError):
            self._writer.close()
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()
        self._writer.transport.abort()

    def _is_open(self) -> bool:
        ended = self._reader.at_eof() or self._reader.exception() is not None
        return not ended and not self._writer.transport.is_closing()

    def _has_unread(self) -> bool:
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _head(self, method: str, path: str, *headers: tuple[str, str]) -> None:
        fixed = [("Host", self._target.host), ("User-Agent", USER_AGENT), ("Accept", "*/*")]
        self._send(h11.Request(method=method, target=path, headers=[*fixed, *headers]))

    def _send(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")

    async def _upload(self, path: str, body: AsyncIterator[bytes]) -> None:
        self._head("POST", path, ("Transfer-Encoding", "chunked"), _BINARY)
        async for chunk in body:
            self._send(h11.Data(data=chunk))
            await self._writer.drain()
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    async def _status(self) -> int:
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event.status_code

    async def _rest(self) -> None:
        while not isinstance(await self._event(), h11.EndOfMessage):
            pass

    async def _event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(65536)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise EOFError
            self._http.receive_data(data)
        if isinstance(event, h11.Event) and not isinstance(event, h11.ConnectionClosed):
            return event
        raise EOFError


_BINARY = ("Content-Type", "application/octet-stream")


def _now() -> float:
    return asyncio.get_running_loop().time()
