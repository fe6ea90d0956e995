"""Room on PostgreSQL's volume, where copies are made too: asked for before one is begun."""

from __future__ import annotations

import shutil
from pathlib import Path

from .process import AgentError

# PostgreSQL ends when it cannot write its log: so much of the volume is never taken from it.
_RESERVE = 1 << 30
_GIB = 1 << 30


def refuse_without(folder: Path, needed: int, what: str) -> None:
    """Raise `AgentError` when the volume of `folder` has no room for `needed` bytes of `what`."""
    free = shutil.disk_usage(folder).free
    if free - _RESERVE < needed:
        raise AgentError(
            f"{what} needs {needed / _GIB:.1f} GiB, and the volume has {free / _GIB:.1f} GiB free, "
            f"of which {_RESERVE / _GIB:.1f} GiB stay for PostgreSQL: make the volume larger "
            "(docs/runbooks/restore.md)"
        )
