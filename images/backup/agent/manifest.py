"""What a backup holds, counted in the same snapshot of the database as its dump."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from .process import AgentError

DUMP = "database.dump"
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`rows` is by schema and table; `size` and `digest` are the dump's, in bytes and SHA-256."""

    database: str
    owner: str
    encoding: str
    collation: str
    server_version: str
    rows: dict[str, int]
    schema: str
    size: int
    digest: str

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())

    def write(self, folder: Path) -> None:
        """Write it beside the dump."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1, sort_keys=True))

    @classmethod
    def read(cls, text: str) -> Manifest:
        """Read it; raises `AgentError` when it is none."""
        try:
            return cls(**cast("dict[str, Any]", json.loads(text)))
        except (ValueError, TypeError) as error:
            raise AgentError(f"the manifest cannot be read: {error}") from error


def shrunk(now: Manifest, before: Manifest | None, percent: int) -> str:
    """Why a backup is suspect beside the last good one; empty when it is not."""
    if before is None:
        return ""
    if before.total and not now.total:
        return f"empty, and had {before.total} rows before"
    left = 1 - percent / 100
    for what, new, old in (
        ("rows", now.total, before.total),
        ("tables", len(now.rows), len(before.rows)),
        ("bytes", now.size, before.size),
    ):
        if new < old * left:
            return f"{new} {what} instead of {old} before"
    return ""


def schema_digest(dump: str) -> str:
    """The digest of a schema-only dump, without what differs between two dumps of the same."""
    lines = [
        line
        for line in dump.splitlines()
        # Comments name versions; newer clients write a random word with \restrict.
        if line.strip() and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_"))
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
