"""The file backend of the engine: a folder with the stacks' states and the locks of updates.

The engine writes each file whole and renames it into place, but beside it, in place, a small
`.attrs` file that says what kind of file it is. A kill in between leaves that one empty, and then
every command ends with `error: EOF`. The engine can do without (`engine.NO_ATTRIBUTES`), and a
backend that was written without the option is mended before it is opened.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

from ops.failures import OpsError

# What is a backend's in its folder, which also has the plugins when it is the default one.
_PARTS = ("meta.yaml.attrs", "stacks", "locks", "history", "backups")


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The note of an update in a file backend: who holds the stack."""

    file: Path
    pid: int
    host: str

    @property
    def holder(self) -> Literal["alive", "dead", "elsewhere"]:
        """Whether the process that holds it still runs."""
        if self.host != socket.gethostname():
            return "elsewhere"
        return "alive" if Path(f"/proc/{self.pid}").exists() else "dead"


def backend_folder(variables: Mapping[str, str]) -> Path | None:
    """The folder of a file backend; None for any other backend."""
    url = variables.get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_BACKEND_URL", "")
    parsed = urlparse(url)
    if parsed.scheme != "file":
        return None
    path = f"{parsed.netloc}{parsed.path}"
    return Path(path).expanduser() / ".pulumi"


def locks(folder: Path | None, stack: str) -> list[Lock]:
    """The locks of a stack in a file backend."""
    if folder is None:
        return []
    found: list[Lock] = []
    for file in folder.glob(f"locks/**/{stack}/*.json"):
        told = json.loads(file.read_text())
        found.append(Lock(file=file, pid=int(told["pid"]), host=str(told["hostname"])))
    return found


def clear_locks(folder: Path | None, stack: str) -> list[str]:
    """Remove the locks of processes that are gone.

    Raises `OpsError` when a running process, or another machine, holds the stack.
    """
    done: list[str] = []
    for lock in locks(folder, stack):
        if lock.holder != "dead":
            raise OpsError(
                f"Another update of {stack} runs: process {lock.pid} on {lock.host}.",
                [f"Wait for it. If it is gone for sure: pulumi cancel --stack {stack}"],
            )
        lock.file.unlink(missing_ok=True)
        done.append(f"lock of process {lock.pid}, which is gone")
    return done


def clear_half_written(folder: Path | None) -> list[Path]:
    """Remove what a kill left of the `.attrs` files; says which. The engine can do without."""
    if folder is None:
        return []
    notes = [
        file
        for part in map(folder.joinpath, _PARTS)
        for file in ([part] if part.is_file() else part.rglob("*.attrs"))
    ]
    broken = [file for file in sorted(notes) if not _is_json(file)]
    for file in broken:
        file.unlink(missing_ok=True)
    return broken


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except ValueError:
        return False
    return True
