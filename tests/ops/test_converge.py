"""Recovering from an update that was killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.converge import backend_folder, clear_locks, locks, pending, settled
from ops.failures import OpsError

SERVER = "urn:pulumi:staging::manacore::hcloud:index/server:Server::main"
IP = "urn:pulumi:staging::manacore::hcloud:index/primaryIp:PrimaryIp::main-ip"


def state(*operations: tuple[str, str]) -> dict[str, Any]:
    return {
        "resources": [{"urn": IP, "type": "hcloud:index/primaryIp:PrimaryIp", "id": "7"}],
        "pending_operations": [
            {
                "type": operation,
                "resource": {
                    "urn": urn,
                    "type": urn.split("::")[2],
                    "custom": True,
                    "inputs": {"name": "main", "labels": {"stack": "staging"}},
                },
            }
            for operation, urn in operations
        ],
    }


def lock(folder: Path, pid: int, host: str) -> Path:
    file = folder / "locks" / "organization" / "manacore" / "staging" / "a.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pid": pid, "hostname": host, "username": "root"}))
    return file


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_pending_operations_are_read_from_the_state() -> None:
    found = pending(state(("creating", SERVER)))
    assert [(p.urn, p.kind, p.operation) for p in found] == [
        (SERVER, "hcloud:index/server:Server", "creating")
    ]
    assert found[0].inputs["name"] == "main"


def test_what_the_vendor_has_is_adopted_with_its_id() -> None:
    result = settled(state(("creating", SERVER)), {SERVER: "42"})
    assert "pending_operations" not in result
    adopted = next(r for r in result["resources"] if r["urn"] == SERVER)
    assert adopted["id"] == "42"
    assert adopted["outputs"]["name"] == "main"


def test_what_the_vendor_does_not_have_is_forgotten() -> None:
    result = settled(state(("creating", SERVER)), {})
    assert [r["urn"] for r in result["resources"]] == [IP]


def test_a_pending_update_leaves_the_resource_as_it_was() -> None:
    before = state(("updating", IP))
    result = settled(before, {})
    assert result["resources"] == before["resources"]
    assert settled(before, {IP: "7"})["resources"] == before["resources"], "and is never doubled"


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
