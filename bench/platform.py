"""The platform on the local cloud, as a benchmark uses it: by its command line, and by ssh."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_COPIED_WITHOUT = (".git", ".venv", "__pycache__", ".*_cache", "receipts")


@dataclass(frozen=True)
class Platform:
    """Staging, and the tree that its command line is run in."""

    root: Path = ROOT

    def manacore(self, *arguments: str) -> dict[str, Any]:
        """Run `./manacore ... --local --json`; ends the benchmark when it fails."""
        command = ["./manacore", *arguments, "--stack", "staging", "--local", "--json"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def push(self, versions: Sequence[str]) -> None:
        """Make versions of apps."""
        subprocess.run(["./manacore", "images", *versions], cwd=self.root, check=True, stdout=2)

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return self.manacore("outputs")

    def remote(self, command: str, stdin: str = "") -> str:
        """Run a command on the server; its output. Ends the benchmark when it fails."""
        server = self.outputs["servers"]["main"]
        ssh = ["ssh", *server["ssh_options"], f"{server['user']}@{server['ipv4']}", command]
        done = subprocess.run(ssh, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{command}: {done.stderr[-1000:]}")
        return done.stdout


@contextmanager
def copied() -> Generator[Platform]:
    """Staging up, in a copy of the tree; at the end the committed versions are live again."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_COPIED_WITHOUT))
        (tree / ".venv").symlink_to(ROOT / ".venv")
        platform = Platform(tree)
        platform.manacore("up")
        try:
            yield platform
        finally:
            Platform().manacore("up", "--flip")
