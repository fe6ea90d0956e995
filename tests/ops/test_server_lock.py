"""A stack is held on its server, whichever machine asks; a killed command lets go."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from localcloud.processes import wait_until
from ops import server_lock
from ops.failures import OpsError
from tests.support.holder import holder_on_server
from tests.support.server import OUTPUT, server_here

OUTPUTS: Mapping[str, Any] = {"servers": {"main": OUTPUT}}
AWAY = "echo 'connect to host 198.51.100.10 port 22: No route to host' >&2; exit 255"


@pytest.fixture
def stack() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    Path(f"/run/lock/manacore-{name}.lock").unlink(missing_ok=True)


def test_a_second_command_is_refused_naming_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    server_here(tmp_path, monkeypatch)
    process = holder_on_server(stack)
    try:
        with (
            pytest.raises(OpsError, match=rf"{stack} .* a release \(.+@.+, since ..:..:.. UTC\)"),
            server_lock.held(OUTPUTS, stack, "an up"),
        ):
            pass
    finally:
        process.kill()
        process.communicate()


def test_a_killed_command_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    server_here(tmp_path, monkeypatch)
    process = holder_on_server(stack)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with server_lock.held(OUTPUTS, stack, "an up"):
        pass


def test_a_command_whose_signs_of_life_stay_away_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    server_here(tmp_path, monkeypatch)
    monkeypatch.setattr(server_lock, "PATIENCE_SECONDS", 1)
    with (
        server_lock.held(OUTPUTS, stack, "a release"),
        server_lock.held(OUTPUTS, stack, "an up"),
    ):
        pass


def test_one_command_after_the_other_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    server_here(tmp_path, monkeypatch)
    for what in ("an up", "a release"):
        with server_lock.held(OUTPUTS, stack, what):
            assert what in Path(f"/run/lock/manacore-{stack}.lock").read_text()
    assert Path(f"/run/lock/manacore-{stack}.lock").read_text() == ""


def test_a_server_that_is_away_is_no_obstacle_and_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stack: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server_here(tmp_path, monkeypatch, ssh=AWAY)
    with server_lock.held(OUTPUTS, stack, "an up"):
        pass
    assert "The server is away" in capsys.readouterr().err


def test_a_stack_without_servers_needs_none(stack: str) -> None:
    with server_lock.held({}, stack, "an up"):
        assert not Path(f"/run/lock/manacore-{stack}.lock").exists()


def test_a_server_that_cannot_keep_a_lock_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    server_here(tmp_path, monkeypatch, ssh="echo no python3 >&2; exit 127")
    with (
        pytest.raises(OpsError, match="no python3"),
        server_lock.held(OUTPUTS, stack, "an up"),
    ):
        pass


def keepers(stack: str) -> set[int]:
    """The processes on the server that keep a stack's lock."""
    found = subprocess.run(
        ["pgrep", "-f", f"/run/lock/manacore-{stack}.lock"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {int(pid) for pid in found.stdout.split()}


def test_a_server_that_was_rebooted_keeps_the_lock_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    server_here(tmp_path, monkeypatch)
    monkeypatch.setattr(server_lock, "BEAT_SECONDS", 0.1)
    with server_lock.held(OUTPUTS, stack, "a release"):
        first = keepers(stack)
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: bool(keepers(stack) - first), timeout=30, every=0.1)
        with pytest.raises(OpsError, match="a release"), server_lock.held(OUTPUTS, stack, "an up"):
            pass
