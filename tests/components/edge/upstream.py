"""A service of the test's own behind the edge."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from components.edge.routes import Upstream


class Service:
    """An HTTP server on loopback that counts what it is asked.

    `/drop` closes the connection without an answer when asked for the first time with a method;
    `/status/<code>` answers that; `/large` is worth compressing; `/own` sets headers that the edge
    sets too. An upgrade is answered, and what comes then is sent back. All else is described.
    """

    def __init__(self, slot: str, port: int = 0):
        """Listen; port 0 is a free one."""
        self.slot = slot
        self.asked: list[str] = []
        self._server = _Server(("127.0.0.1", port), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def upstream(self) -> Upstream:
        """Where the edge finds it."""
        return Upstream(container="127.0.0.1", port=self._server.server_port, slot=self.slot)

    def __enter__(self) -> Self:
        """Serve within the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: that the edge hangs up in mid-request is what some tests are about."""


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = f"{self.command} {self.path}"
            # Before the body is there: an upload may be under way for as long as a test likes.
            service.asked.append(asked)
            body = self._body()
            if self.headers.get("Upgrade") == "websocket":
                self._echo()
            elif self.path == "/drop" and service.asked.count(asked) == 1:
                self.close_connection = True
            elif self.path.startswith("/status/"):
                self._answer(int(self.path.rpartition("/")[2]), b"its own words")
            elif self.path == "/large":
                self._answer(200, b"much of the same, " * 500)
            elif self.path == "/own":
                self._answer(
                    200, b"", {"Referrer-Policy": "no-referrer", "X-Request-Id": "of-the-service"}
                )
            else:
                seen: dict[str, Any] = {
                    "slot": service.slot,
                    "method": self.command,
                    "path": self.path,
                    "headers": dict(self.headers.items()),
                    "body": len(body),
                }
                self._answer(200, json.dumps(seen).encode())

        do_POST = do_GET  # noqa: N815 - the library's name

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "text/plain", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _echo(self) -> None:
            self.close_connection = True
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "websocket")
            self.end_headers()
            while data := self.connection.recv(4096):
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Nothing: the test says what it saw."""

    return Handler
