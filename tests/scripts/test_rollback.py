"""The script that the plan's runbook names, with a `manacore` that only tells what it is asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.platform import ROOT

SCRIPT = Path("scripts/deploy/rollback.sh")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the script, and a `manacore` that prints one argument a line and ends with 3."""
    (tmp_path / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    fake = tmp_path / "manacore"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')
    fake.chmod(0o755)
    return tmp_path


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tree / SCRIPT), *arguments], cwd="/", capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "arguments", [(), ("--stack", "production", "chat-web"), ("--release", "an id")]
)
def test_every_argument_and_the_exit_code_pass_through(
    tree: Path, arguments: tuple[str, ...]
) -> None:
    done = run(tree, *arguments)

    assert done.stdout.splitlines() == ["rollback", *arguments]
    assert done.returncode == 3


@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_asked_how_it_is_used_it_rolls_nothing_back(tree: Path, argument: str) -> None:
    done = run(tree, argument)

    assert done.stdout.startswith("usage: scripts/deploy/rollback.sh [--stack STACK]")
    assert (done.returncode, done.stderr) == (0, "")
