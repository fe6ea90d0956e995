"""A command on a server, with an ssh that is a script of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import health, ssh
from ops.failures import OpsError
from tests.support.server import OUTPUT, program

SERVER = {**OUTPUT, "ssh_options": ["-o", "A=b"]}
Script = Callable[[str], None]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Makes an ssh of a shell's text."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def made(text: str) -> None:
        program(tmp_path, "ssh", text)

    return made


def test_a_command_gets_its_input_and_is_asked_with_the_servers_options(script: Script) -> None:
    script("printf '[%s]' \"$@\"; cat")
    done = ssh.run(SERVER, "df -h; id", "typed")
    assert done.stdout == "[-o][A=b][deploy@198.51.100.10][df -h; id]typed"


def test_what_a_command_says_is_text_whatever_its_bytes(script: Script) -> None:
    script("printf 'a\\377b'; exit 3")
    done = ssh.run(SERVER, "x")
    assert (done.stdout, done.returncode) == ("a\ufffdb", 3)


def test_a_server_that_hangs_is_not_awaited_for_ever(script: Script) -> None:
    # The script reads what nobody writes: a pipe of its own.
    script('mkfifo "$0.pipe"; exec cat "$0.pipe"')
    with pytest.raises(OpsError, match=r"^deploy@198\.51\.100\.10 did not answer within 1 s"):
        ssh.run(SERVER, "x", seconds=1)


def test_a_machine_without_ssh_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpsError, match=r"^deploy@198\.51\.100\.10 cannot be asked"):
        ssh.run(SERVER, "x")
    there = health.ask({"main": SERVER})
    assert there["main"].unreachable.startswith("server cannot be asked: deploy@198.51.100.10")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo a >&2; echo 'no route' >&2; exit 255", "no route"),
        ("echo printed; exit 4", "exit code 4"),
    ],
)
def test_the_reason_of_a_failure_is_the_last_line_or_the_exit_code(
    script: Script, text: str, said: str
) -> None:
    script(text)
    assert ssh.reason(ssh.run(SERVER, "x")) == said
    assert health.ask({"main": SERVER})["main"].unreachable == f"server cannot be asked: {said}"
