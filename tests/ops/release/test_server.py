"""What a release asks of a server, with ssh and Docker faked and the rest run for real."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.failures import OpsError
from ops.release import server as servers
from ops.release.server import Server, Smoke
from tests.ops.release.authority import Authority
from tests.support.server import OUTPUT, program, server_here

HOST = "chat.example.test"


class Slot(BaseHTTPRequestHandler):
    """A slot that works at /health, and has other ways to answer."""

    def do_GET(self) -> None:
        """Answer as the path says."""
        if self.path == "/garbage":
            self.wfile.write(b"no http at all\r\n\r\n")
            return
        preview = self.headers.get("X-Manacore-Slot", "")
        works = self.path == "/health" or (self.path, preview) == ("/preview", "green")
        body = b"ok" if works else b"see postgres://app:hunter2@db/x"
        self.send_response(200 if works else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing on the screen."""


@contextmanager
def serving(authority: Authority | None = None) -> Generator[int]:
    """The port of a slot, or of an edge before it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Slot) as server:
        if authority:
            server.socket = authority.for_server().wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs of the server, which is this machine."""
    server_here(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def server(path: Path) -> Server:
    """A server whose containers all are at 127.0.0.1."""
    program(path, "docker", "echo 0 127.0.0.1")
    return Server("one", OUTPUT)


def smoke(port: int, path: str = "/health", host: str | None = None, name: str = "a") -> Smoke:
    return Smoke(container=name, slot="green", port=port, path=path, host=host)


def test_a_slot_that_answers_200_works(server: Server) -> None:
    with serving() as port:
        assert server.smoke([smoke(port)]) == {}


def test_each_slot_that_does_not_work_is_named_with_its_answer(server: Server) -> None:
    with serving() as port, socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
        closed.close()
        failed = server.smoke(
            [
                smoke(port, name="good"),
                smoke(port, "/bad", name="bad"),
                smoke(port, "/garbage", name="odd"),
                smoke(nobody, name="dead"),
            ]
        )
    assert list(failed) == ["bad", "odd", "dead"]
    assert failed["bad"] == "answers 500: see postgres://***@db/x"
    assert failed["odd"].startswith("does not answer")
    assert "refused" in failed["dead"]


def test_a_slot_without_an_address_does_not_work(path: Path, server: Server) -> None:
    program(path, "docker", "echo 'no such object' >&2; exit 1")
    assert server.smoke([smoke(1)]) == {"a": "has no address"}


def test_a_slot_that_has_been_started_again_does_not_work(path: Path, server: Server) -> None:
    program(path, "docker", "echo 2 127.0.0.1")
    with serving() as port:
        failed = server.smoke([smoke(port)])
    assert failed == {"a": "has ended and been started again, 2 times so far"}


def test_public_slots_are_asked_through_the_edge_as_well(
    server: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = vars(servers)["_SMOKE"]
    with serving() as port, serving(authority) as edge:
        monkeypatch.setattr(servers, "_SMOKE", script.replace(" 443)", f" {edge})"))
        assert server.smoke([smoke(port, host=HOST)]) == {}
    # The edge has gone; the slot itself still works.
    with serving() as port:
        failed = server.smoke([smoke(port, host=HOST)])
    assert failed["a"].startswith("through the edge: does not answer")


def test_the_edge_is_told_which_slot_is_meant(
    server: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Asked directly, /preview fails: only what comes with the slot's name is answered.
    script = vars(servers)["_SMOKE"].replace('get(direct, asked["path"]', 'get(direct, "/health"')
    with serving() as port, serving(authority) as edge:
        monkeypatch.setattr(servers, "_SMOKE", script.replace(" 443)", f" {edge})"))
        assert server.smoke([smoke(port, "/preview", HOST)]) == {}
        blue = Smoke(container="a", slot="blue", port=port, path="/preview", host=HOST)
        assert "through the edge: answers 500" in server.smoke([blue])["a"]


def test_containers_are_told_by_name_and_gone_ones_are_left_out(path: Path, server: Server) -> None:
    told = json.dumps([{"Name": "/a", "State": {}}])
    program(path, "docker", f"echo '{told}'\necho 'Error: No such object: b' >&2\nexit 1")
    assert list(server.inspect(["a", "b"])) == ["a"]
    program(path, "docker", "echo '[]'\necho 'error: no such object: b' >&2\nexit 1")
    assert server.inspect(["b"]) == {}


def test_a_docker_daemon_that_is_away_has_lost_no_container(path: Path, server: Server) -> None:
    program(path, "docker", "echo '[]'\necho 'Cannot connect to the Docker daemon.' >&2\nexit 1")
    with pytest.raises(OpsError, match="Cannot connect"):
        server.inspect(["a"])


def test_what_is_no_json_is_said(path: Path, server: Server) -> None:
    program(path, "docker", "echo 'Welcome!'")
    with pytest.raises(OpsError, match="no JSON"):
        server.inspect(["a"])


def test_memory_is_in_mib_and_by_container(path: Path, server: Server) -> None:
    program(
        path,
        "docker",
        '[ "$1" = ps ] && { echo 1; echo 2; exit; }\n'
        'echo "/chat-web-blue 268435456"\necho "/edge 0"',
    )
    total, limits = server.memory()
    assert total > 256
    assert limits == {"chat-web-blue": 256, "edge": 0}


def test_a_command_reaches_its_container_word_by_word(path: Path, server: Server) -> None:
    program(path, "docker", 'printf "[%s]" "$@"')
    assert server.run("a", ["sh", "-c", "echo $HOME; 'x'"]) == "[exec][a][sh][-c][echo $HOME; 'x']"


def test_a_command_that_fails_is_said_without_its_credentials(path: Path, server: Server) -> None:
    program(path, "docker", "echo 'P1001: postgres://app:p%40:ss@db:5432/x \\377' >&2; exit 3")
    with pytest.raises(OpsError, match="exit code 3") as refused:
        server.run("a", ["migrate"])
    assert "postgres://***@db:5432/x" in str(refused.value)


def test_a_server_that_is_away_is_said(path: Path, server: Server) -> None:
    program(path, "ssh", "echo 'No route to host' >&2; exit 255")
    with pytest.raises(OpsError, match=r"(?s)cannot be reached by ssh.*No route"):
        server.metrics()


def test_a_machine_without_ssh_is_said(
    path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path / "ssh").unlink()
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(OpsError, match="cannot be asked"):
        server.metrics()
