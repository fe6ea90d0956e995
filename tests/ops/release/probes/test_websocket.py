"""The WebSocket probe against a real server."""

from __future__ import annotations

import asyncio
import http
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ops.release.probe_report import Kind
from ops.release.prober import Prober
from ops.release.probes.pace import Pace
from ops.release.probes.target import Target
from tests.ops.release.authority import Authority
from tests.ops.release.site import Loop

PACE = Pace(
    keep_alive_per_second=0, new_connections_per_second=0, upload_seconds=0, pings_per_second=20
)


@dataclass
class Sockets:
    """A server that keeps every WebSocket open, or refuses it with `status`."""

    status: int | None = None
    opened: int = 0
    hosts: set[str] = field(default_factory=set[str])
    connections: list[ServerConnection] = field(default_factory=list[ServerConnection])
    # A client knows that it is connected before its handler here has begun.
    _kept: asyncio.Event = field(default_factory=asyncio.Event)
    _server: Server | None = None

    async def start(self, listener: socket.socket, authority: Authority) -> None:
        """Serve on a listening socket."""
        self._server = await serve(
            self._keep,
            sock=listener.dup(),
            ssl=authority.for_server(),
            process_request=self._check,
        )

    async def stop(self) -> None:
        """Stop serving."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def close(self, code: int) -> None:
        """Close all with a code."""
        await self._kept.wait()
        for connection in self.connections:
            await connection.close(code)

    async def cut(self) -> None:
        """Break all without a word."""
        await self._kept.wait()
        for connection in self.connections:
            connection.transport.abort()

    async def flood(self) -> None:
        """Send more than a client's buffer holds."""
        await self._kept.wait()
        for _ in range(200):
            await self.connections[0].send("news")

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.hosts.add(request.headers["Host"])
        if self.status is None:
            return None
        return connection.respond(http.HTTPStatus(self.status), "no\n")

    async def _keep(self, connection: ServerConnection) -> None:
        self.opened += 1
        self.connections.append(connection)
        self._kept.set()
        await connection.wait_closed()


@pytest.fixture
def sockets(authority: Authority, loop: Loop, listener: socket.socket) -> Generator[Sockets]:
    """A WebSocket server."""
    found = Sockets()
    loop.run(found.start(listener, authority))
    yield found
    loop.run(found.stop())


@pytest.fixture
def target(listener: socket.socket, certificates: Path) -> Target:
    """The server, as a public host."""
    return Target(
        host="live.example.test",
        address="127.0.0.1",
        port=listener.getsockname()[1],
        verify=certificates,
        websocket=True,
    )


def test_one_socket_stays_open_and_answers_its_pings(sockets: Sockets, target: Target) -> None:
    with Prober([target], PACE) as prober:
        assert prober.wait_for_each_host(6)
    report = prober.report()
    assert (report.failed, report.reopened, sockets.opened) == (0, 0, 1)
    assert list(report.kinds) == [Kind.WEBSOCKET]
    assert sockets.hosts == {"live.example.test"}


def test_a_host_without_websockets_gets_none(sockets: Sockets, target: Target) -> None:
    with Prober([replace(target, websocket=False)], PACE):
        pass
    assert sockets.hosts == set()


@pytest.mark.parametrize("code", [1000, 1001, 1012])
def test_a_close_that_is_announced_is_followed_by_a_new_socket_and_no_failure(
    sockets: Sockets, target: Target, loop: Loop, code: int
) -> None:
    with Prober([target], PACE) as prober:
        assert prober.wait_for_each_host(2)
        loop.run(sockets.close(code))
        assert prober.wait_for_each_host(2)
    report = prober.report()
    assert (report.failed, report.reopened, sockets.opened) == (0, 1, 2)


def test_a_socket_that_breaks_is_one_failure(sockets: Sockets, target: Target, loop: Loop) -> None:
    with Prober([target], PACE) as prober:
        assert prober.wait_for_each_host(2)
        loop.run(sockets.cut())
        assert prober.wait_for_each_host(3)
    report = prober.report()
    assert (report.failed, report.reopened, sockets.opened) == (1, 0, 2)
    assert report.failures[0].reason == "WebSocket broken"


def test_a_socket_that_breaks_between_pings_is_known_at_once(
    sockets: Sockets, target: Target, loop: Loop
) -> None:
    with Prober([target], replace(PACE, pings_per_second=0.01)) as prober:
        assert prober.wait_for_each_host(1)
        loop.run(sockets.cut())
        # It may be counted by now: waiting for one more outcome would come too late.
        deadline = time.monotonic() + 5
        while prober.report().failed == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert (prober.report().sent, prober.report().failed) == (2, 1)


def test_a_close_with_an_error_is_a_failure(sockets: Sockets, target: Target, loop: Loop) -> None:
    with Prober([target], PACE) as prober:
        assert prober.wait_for_each_host(2)
        loop.run(sockets.close(1011))
        assert prober.wait_for_each_host(2)
    assert [failure.reason for failure in prober.report().failures] == [
        "WebSocket closed with 1011"
    ]


@pytest.mark.parametrize(("status", "all_failed"), [(404, False), (502, True)])
def test_a_socket_that_is_not_opened_counts_by_its_status(
    sockets: Sockets, target: Target, status: int, all_failed: bool
) -> None:
    sockets.status = status
    with Prober([target], PACE) as prober:
        assert prober.wait_for_each_host(3)
    report = prober.report()
    assert report.failed == (report.sent if all_failed else 0)
    assert report.hosts[0].statuses == {status: report.sent}


def test_what_the_server_sends_does_not_hold_up_the_pongs(
    sockets: Sockets, target: Target, loop: Loop
) -> None:
    with Prober([target], replace(PACE, answer_seconds=2)) as prober:
        assert prober.wait_for_each_host(2)
        loop.run(sockets.flood())
        assert prober.wait_for_each_host(3)
    assert prober.report().failed == 0
