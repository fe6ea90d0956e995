"""A server that is this machine: its ssh runs commands here, and its programs are scripts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

OUTPUT: Mapping[str, Any] = {
    "user": "deploy",
    "ipv4": "198.51.100.10",
    "ssh_options": list[str](),
}
_SSH, _SUDO = 'shift 1\nexec sh -c "$*"', 'exec "$@"'


def program(folder: Path, name: str, text: str) -> None:
    """Make a shell's text a program in a folder."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def server_here(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """Make this machine the server of `OUTPUT`, which has these programs in the folder as well."""
    for name, text in {"ssh": _SSH, "sudo": _SUDO, **programs}.items():
        program(folder, name, text)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
