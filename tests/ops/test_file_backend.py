"""The engine's file backend after a kill."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from localcloud.engine import NO_ATTRIBUTES
from ops.failures import OpsError
from ops.file_backend import (
    backend_folder,
    clear_half_written,
    clear_locks,
    locks,
)
from tests.localcloud.providers.engine import ENGINE


def lock(folder: Path, pid: int, host: str) -> Path:
    file = folder / "locks" / "organization" / "manacore" / "staging" / "a.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pid": pid, "hostname": host, "username": "root"}))
    return file


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def engine(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real engine with a backend."""
    (folder / "Pulumi.yaml").write_text("name: manacore\nruntime: python\n")
    return subprocess.run(
        [str(ENGINE / "pulumi"), *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PULUMI_BACKEND_URL": url,
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_lock_of_a_process_that_is_gone_is_removed(tmp_path: Path) -> None:
    file = lock(tmp_path, dead_pid(), socket.gethostname())
    assert clear_locks(tmp_path, "staging")
    assert not file.exists()


def test_the_lock_of_a_running_process_is_respected(tmp_path: Path) -> None:
    file = lock(tmp_path, os.getpid(), socket.gethostname())
    with pytest.raises(OpsError, match=f"process {os.getpid()}"):
        clear_locks(tmp_path, "staging")
    assert file.exists()


def test_the_lock_of_another_machine_is_respected(tmp_path: Path) -> None:
    lock(tmp_path, dead_pid(), "elsewhere")
    with pytest.raises(OpsError, match=r"elsewhere(.|\n)*pulumi cancel"):
        clear_locks(tmp_path, "staging")


def test_the_locks_of_other_stacks_are_left_alone(tmp_path: Path) -> None:
    lock(tmp_path, dead_pid(), socket.gethostname())
    assert locks(tmp_path, "production") == []


def test_only_a_file_backend_has_locks_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    assert backend_folder({}) is None
    assert backend_folder({"PULUMI_BACKEND_URL": "s3://bucket"}) is None
    here = backend_folder({"PULUMI_BACKEND_URL": f"file://{tmp_path}"})
    assert here == tmp_path / ".pulumi"
    assert backend_folder({"PULUMI_BACKEND_URL": "file://~"}) == Path.home() / ".pulumi"


def test_a_backend_whose_attributes_a_kill_cut_off_opens_again(tmp_path: Path) -> None:
    url = f"file://{tmp_path}"
    assert engine(tmp_path, url, "stack", "init", "staging").returncode == 0
    attributes = sorted((tmp_path / ".pulumi").rglob("*.attrs"))
    assert attributes
    assert clear_half_written(tmp_path / ".pulumi") == []

    for file in attributes:
        file.write_text("")
    assert "EOF" in engine(tmp_path, url, "stack", "ls").stderr
    assert clear_half_written(tmp_path / ".pulumi") == attributes
    listed = engine(tmp_path, url, "stack", "ls", "--json")
    assert [stack["name"] for stack in json.loads(listed.stdout)] == ["staging"]


def test_a_backend_without_attributes_has_none_to_be_cut_off(tmp_path: Path) -> None:
    url = f"file://{tmp_path}{NO_ATTRIBUTES}"
    assert engine(tmp_path, url, "stack", "init", "staging").returncode == 0
    assert list((tmp_path / ".pulumi").rglob("*.attrs")) == []


def test_a_backend_elsewhere_has_nothing_to_be_mended_here() -> None:
    assert clear_half_written(None) == []
