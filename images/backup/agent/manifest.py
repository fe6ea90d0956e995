"""What a backup holds: counted at the source when it was dumped, not read from the dump."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from .process import AgentError

DUMP = "dump"
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`counts` is by part: rows by table, keys by database, bytes by file.

    `facts` are what else has to be the same after a restore, by name. `size` and `digest` are the
    dump's, in bytes and SHA-256; a dump that was stored as it came has no digest but restic's own.
    `version` is the server's that was dumped, `occupied` the bytes of disk that it took there: its
    indexes are in no dump.
    """

    source: str
    counts: dict[str, int]
    size: int
    digest: str = ""
    version: str = ""
    occupied: int = 0
    facts: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def total(self) -> int:
        """All counts."""
        return sum(self.counts.values())

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


def file_digest(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
