"""The launcher: which set-up each command line needs, asked with an interpreter that only tells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.platform import ROOT


@pytest.mark.parametrize(
    ("arguments", "purpose"),
    [
        ("up --local --stack staging", "local"),
        ("up --stack staging --json --local", "local"),
        ("setup local", "local"),
        ("setup tools", "tools"),
        ("up --stack staging", "tools"),
        ("status --local", "tools"),
        ("down --local", "tools"),
    ],
)
def test_only_bringing_the_local_cloud_up_needs_its_packages(
    tmp_path: Path, arguments: str, purpose: str
) -> None:
    interpreter = tmp_path / "python3"
    interpreter.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "$@"\n')
    interpreter.chmod(0o755)
    told = subprocess.run(
        [str(ROOT / "manacore"), *arguments.split()],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.split()[:3] == ["-m", "localcloud.setup", purpose]
