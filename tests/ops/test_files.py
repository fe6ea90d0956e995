"""The digest that a server makes of a folder is the program's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.docker import files as written
from ops import files
from ops.failures import OpsError
from tests.support.server import OUTPUT, program, server_here


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """A server that is this machine."""
    server_here(tmp_path, monkeypatch)
    return OUTPUT


def test_altered_lost_and_added_files_are_noticed_and_untouched_ones_are_not(
    tmp_path: Path, here: Mapping[str, Any]
) -> None:
    content = {"a.txt": "one\n", "sub/b.txt": "zwei ü\n"}
    bundle = vars(written)["_bundle"](content)
    digest = written.digest_of(content)
    folders: dict[str, tuple[str, str]] = {}
    for name in ("kept", "altered", "lost", "added"):
        folder = tmp_path / name
        subprocess.run(
            ["python3", "-c", written.REMOTE_WRITE, str(folder), str(os.getuid()), "0444"],
            input=bundle,
            text=True,
            check=True,
        )
        folders[name] = (str(folder), digest)
    (tmp_path / "altered" / "a.txt").unlink()
    (tmp_path / "altered" / "a.txt").write_text("two\n")
    (tmp_path / "lost" / "sub" / "b.txt").unlink()
    (tmp_path / "added" / "c.txt").write_text("")
    (tmp_path / "linked").symlink_to("kept")
    folders["linked"] = (str(tmp_path / "linked"), digest)

    assert files.altered(here, folders) == ["altered", "lost", "added"]


def test_a_folder_that_is_gone_is_altered(tmp_path: Path, here: Mapping[str, Any]) -> None:
    assert files.altered(here, {"gone": (str(tmp_path / "gone"), "0" * 16)}) == ["gone"]


def test_a_server_that_cannot_be_asked_is_said(tmp_path: Path, here: Mapping[str, Any]) -> None:
    program(tmp_path, "ssh", "echo 'no route to host' >&2; exit 255")
    with pytest.raises(OpsError, match=r"deploy@198\.51\.100\.10"):
        files.altered(here, {"x": ("/nowhere", "0")})


def test_a_server_that_says_something_else_is_said(tmp_path: Path, here: Mapping[str, Any]) -> None:
    program(tmp_path, "ssh", "echo 'Welcome to this server'")
    with pytest.raises(OpsError, match="Welcome"):
        files.altered(here, {"x": ("/nowhere", "0")})
