"""One edge follows another at the same ports: the real Caddy, its start, and the steering."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from components.edge import drain
from components.edge.config import EdgeConfig
from components.edge.proxy import Timing
from components.edge.routes import InternalRoute, PublicRoute
from localcloud.processes import wait_until
from tests.components.edge.caddy import DEADLINE, RunningEdge
from tests.components.edge.http2 import Connection, streams
from tests.components.edge.load import Ask, Load, fresh, kept, read
from tests.components.edge.services import both, config
from tests.components.edge.upstream import Service

CHANGES = 4
UPLOAD_SECONDS = 3


def changed(was: EdgeConfig, number: int, upstream: Service) -> EdgeConfig:
    """A structural change: another host, another port, other times."""
    return replace(
        was,
        public=[
            *was.public,
            PublicRoute(host=f"new-{number}.test", upstream=upstream.upstream, health="/"),
        ],
        internal=[
            *was.internal,
            InternalRoute(port=4000 + number, upstream=upstream.upstream, health="/"),
        ],
        timing=replace(was.timing, answer=was.timing.answer + 1),
    )


def upload(edge: RunningEdge, host: str) -> Ask:
    """A caller that sends a body slowly, over a new connection each time."""

    def ask() -> str:
        with edge.tls(host) as connection:
            head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 30\r\n\r\n"
            connection.sendall(head.encode())
            for _ in range(30):
                connection.sendall(b"x")
                time.sleep(UPLOAD_SECONDS / 30)
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            assert b'"body": 30' in answer
            return "done"

    return ask


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_no_request_is_lost_while_one_edge_follows_another(
    blue: Service, green: Service, stack: ExitStack
) -> None:
    current = config(blue.upstream, green.upstream)
    edge = stack.enter_context(RunningEdge(current, both(blue)))
    callers: dict[str, Callable[[], str]] = {
        "fresh": fresh(edge, "one.test"),
        "fresh too": fresh(edge, "two.test"),
        "kept": kept(edge, "one.test", "GET"),
        # Never tried again: what is lost of these would be seen.
        "posts": kept(edge, "two.test", "POST"),
        "inside": kept(edge, "edge", "POST", port=3001),
        "uploads": upload(edge, "one.test"),
        "streams": streams(edge, "one.test"),
    }
    with Load(callers) as load:
        for number in range(CHANGES):
            edge.steer()
            current = changed(current, number, green)
            new = stack.enter_context(RunningEdge(current, beside=edge))
            new.steer(edge)
            edge.stop()
            began = time.monotonic()
            assert edge.ended() == 0
            assert time.monotonic() - began < UPLOAD_SECONDS + 5, "it ends when its clients left"
            edge = new
            assert edge.client(f"new-{number}.test").get("/").json()["slot"] == "green"
    assert load.lost == []
    counted = Counter(caller for caller, _ in load.answers)
    assert all(counted[caller] >= CHANGES for caller in callers), counted


def test_a_new_edge_takes_no_connection_before_its_turn_and_the_old_one_none_after_it(
    blue: Service, green: Service
) -> None:
    def served(edge: RunningEdge) -> int:
        return sum(line.get("msg") == "handled request" for line in edge.lines)

    was = config(blue.upstream, green.upstream)
    with RunningEdge(was, both(blue)) as old:
        old.steer()
        with RunningEdge(was, beside=old) as new:
            ask = fresh(old, "one.test")
            for _ in range(20):
                ask()
            assert wait_until(lambda: served(old) == 20, DEADLINE)
            assert served(new) == 0
            new.steer(old)
            for _ in range(20):
                ask()
            assert wait_until(lambda: served(new) == 20, DEADLINE)
            assert served(old) == 20


def test_without_steering_and_draining_requests_are_lost(
    blue: Service, green: Service, stack: ExitStack
) -> None:
    was = config(blue.upstream, green.upstream)
    edge = stack.enter_context(RunningEdge(was, both(blue)))
    callers = {f"fresh {n}": fresh(edge, "one.test") for n in range(6)}
    callers |= {f"kept {n}": kept(edge, "two.test", "POST") for n in range(4)}
    with Load(callers) as load:
        # Chance has its part in it, but not twenty times.
        for _ in range(20):
            if load.lost:
                break
            new = stack.enter_context(RunningEdge(was, beside=edge))
            time.sleep(1)
            os.kill(edge.caddy, signal.SIGTERM)
            edge.ended()
            edge = new
    assert load.lost != []


def test_while_an_edge_drains_each_answer_is_the_last_of_its_connection(
    blue: Service, green: Service
) -> None:
    was = config(blue.upstream, green.upstream)
    with RunningEdge(was, both(blue)) as old, RunningEdge(was, beside=old) as new:
        old.steer()
        with old.client("one.test") as client, old.client("edge", port=3001) as inside:
            streaming = Connection(old, "two.test")
            for caller in (client, inside):
                assert "Connection" not in caller.get("/").headers
            assert streaming.ask()
            assert not streaming.leaving
            new.steer(old)
            old.stop()
            assert wait_until(lambda: old.draining, DEADLINE)
            for caller in (client, inside):
                assert caller.get("/").headers["Connection"] == "close"
            assert client.get("/").headers.get("Connection") is None, "that is the new one"
            assert streaming.ask()
            streaming.until_left()
            streaming.close()
        assert old.ended() == 0


def test_an_upgrade_that_an_edge_gets_while_it_drains_is_one(blue: Service, green: Service) -> None:
    timing = Timing(drain=2)
    was = replace(config(blue.upstream, green.upstream), timing=timing)
    with RunningEdge(was, both(blue)) as old, RunningEdge(was, beside=old) as new:
        old.steer()
        with old.tls("one.test") as waiting, old.websocket("two.test") as stream:
            new.steer(old)
            old.stop()
            assert wait_until(lambda: old.draining, DEADLINE)
            waiting.sendall(
                b"GET /stream HTTP/1.1\r\nHost: one.test\r\n"
                b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            answer = waiting.recv(4096)
            assert answer.startswith(b"HTTP/1.1 101")
            assert b"Connection: Upgrade" in answer
            stream.sendall(b"still there?")
            assert stream.recv(4096) == b"still there?"


def test_a_websocket_stays_for_the_time_of_draining_and_is_closed_in_due_form(
    blue: Service, green: Service
) -> None:
    was = replace(config(blue.upstream, green.upstream), timing=Timing(drain=3))
    with RunningEdge(was, both(blue)) as old, RunningEdge(was, beside=old) as new:
        old.steer()
        with old.websocket("one.test") as stream:
            new.steer(old)
            began = time.monotonic()
            old.stop()
            stream.sendall(b"still there?")
            assert stream.recv(4096) == b"still there?"
            rest = read(stream)
            # A close frame of the server's: going away.
            assert rest[:4] in (b"\x88\x02\x03\xe9", b"\x88\x02\x03\xe8"), rest
            assert 2 < time.monotonic() - began < DEADLINE
        assert old.ended() == 0


def test_alone_an_edge_ends_at_once(blue: Service, green: Service) -> None:
    was = config(blue.upstream, green.upstream)
    with RunningEdge(was, both(blue)) as edge, edge.client("one.test") as client:
        client.get("/")
        edge.stop()
        began = time.monotonic()
        assert edge.ended() == 0
        assert time.monotonic() - began < 10
        assert not edge.draining


def test_the_old_edge_keeps_its_certificates_place_and_the_new_one_finds_them(
    blue: Service, green: Service
) -> None:
    was = config(blue.upstream, green.upstream)
    with RunningEdge(was, both(blue)) as old, RunningEdge(was, beside=old) as new:
        assert new.data == old.data
        assert not [line for line in new.lines if line.get("msg") == "obtaining certificate"]


def test_an_edge_whose_caddy_ends_ends_with_it(blue: Service, green: Service) -> None:
    with RunningEdge(config(blue.upstream, green.upstream), both(blue)) as edge:
        os.kill(edge.caddy, signal.SIGKILL)
        assert edge.ended() == 128 + 9


def test_an_edge_without_a_network_ends_to_be_started_again(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rn", "true"], check=False).returncode != 0:
        pytest.skip("this user may not make namespaces")
    program = tmp_path / "caddy"
    program.write_text("#!/bin/sh\n[ $1 = run ] || exit 1\nexec sleep 60\n")
    program.chmod(0o755)
    script = tmp_path / drain.SCRIPT
    script.write_text(drain.RUN_SCRIPT)
    done = subprocess.run(
        ["unshare", "-rn", "sh", script, tmp_path, "5", "config", "admin"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["msg"].startswith("the network is gone")
