"""A caller that speaks HTTP/2, frame by frame: no more of it than the edge's tests need."""

from __future__ import annotations

import json
import ssl
import struct
from collections.abc import Iterator

from tests.components.edge.caddy import RunningEdge
from tests.components.edge.load import Ask

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK = _END_STREAM = 1
_END_HEADERS = 4


class Connection:
    """A connection to a host, which asks for `/` one request after another.

    `leaving` is set once the edge has said that it wants no more requests here.
    """

    def __init__(self, edge: RunningEdge, host: str):
        """Connect."""
        self.leaving = False
        self._host = host
        self._stream = -1
        self._socket: ssl.SSLSocket = edge.tls(host, protocols=("h2",))
        assert self._socket.selected_alpn_protocol() == "h2"
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))

    def ask(self) -> bytes:
        """The body of the answer to one more request; raises `OSError` when there is none."""
        self._stream += 2
        names = {":method": "GET", ":scheme": "https", ":authority": self._host, ":path": "/"}
        block = b"".join(map(_field, names, names.values()))
        flags = _END_STREAM | _END_HEADERS
        self._socket.sendall(_frame(_HEADERS, flags, self._stream, block))
        body = b""
        for kind, flag, stream, payload in self._frames():
            if kind == _DATA and stream == self._stream:
                body += payload
            if kind == _RESET and stream == self._stream:
                raise ConnectionError("the request was given up")
            if kind in (_DATA, _HEADERS) and stream == self._stream and flag & _END_STREAM:
                break
        return body

    def until_left(self) -> None:
        """Read until the edge has said that it wants no more requests, or has closed."""
        frames = self._frames()
        while not self.leaving:
            next(frames)

    def close(self) -> None:
        """Close."""
        self._socket.close()

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        while True:
            head = self._exactly(9)
            size = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = self._exactly(size)
            if kind == _GOAWAY:
                self.leaving = True
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                answer = payload if kind == _PING else b""
                self._socket.sendall(_frame(kind, _ACK, 0, answer))
            yield kind, flags, stream, payload

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self._socket.recv(size - len(found))
            if not part:
                raise ConnectionError("closed")
            found += part
        return found


def streams(edge: RunningEdge, host: str) -> Ask:
    """A caller that keeps its connection until it is told to leave it."""
    current: list[Connection] = []

    def ask() -> str:
        if not current:
            current.append(Connection(edge, host))
        try:
            answer = current[0].ask()
        except BaseException:
            current.clear()
            raise
        if current[0].leaving:
            current.pop().close()
        return str(json.loads(answer)["slot"])

    return ask


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _field(name: str, value: str) -> bytes:
    """A header as a literal, without any table."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))
