"""Databases that nobody may enter for a moment; a kill within it does not leave them so.

What is closed is noted on the volume, and the agent that runs all the time opens it again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from . import jsonfile
from .postgres import Postgres, quoted
from .process import AgentError

NOTE = "closed.json"
_CLOSING_SECONDS = 60


@contextmanager
def closed(server: Postgres, databases: Collection[str], work: Path) -> Generator[None]:
    """Keep everybody out while the block renames them; what fails in it opens them again.

    Connections to them are ended before. Raises `AgentError`.
    """
    jsonfile.write(work / NOTE, sorted(databases))
    try:
        # Services reconnect at once: nobody may, until the name is the new database's.
        _limit(server, databases, 0)
        for name in databases:
            _end_connections(server, name)
        yield
    except BaseException:  # also when this process is told to end
        reopen(server, work)
        raise
    (work / NOTE).unlink()


def reopen(server: Postgres, work: Path) -> list[str]:
    """Open what was left closed, and return it; raises `AgentError`, and the note stays then."""
    try:
        noted: list[str] = json.loads((work / NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    there = server.databases()
    left = [name for name in noted if name in there]
    _limit(server, left, -1)
    (work / NOTE).unlink()
    return left


def _limit(server: Postgres, databases: Collection[str], connections: int) -> None:
    for name in databases:
        server.query(f"ALTER DATABASE {quoted(name)} CONNECTION LIMIT {connections}")


def _end_connections(server: Postgres, database: str) -> None:
    ask = (
        "SELECT datname FROM (SELECT datname, pg_terminate_backend(pid) FROM pg_stat_activity"
        # Autovacuum is not for us to end: renaming does that by itself.
        " WHERE datname = :'database' AND backend_type = 'client backend') ended"
    )
    deadline = time.monotonic() + _CLOSING_SECONDS
    while server.query(f"\\set database {database}\n{ask}"):
        if time.monotonic() > deadline:
            raise AgentError(f"{database} still has connections after {_CLOSING_SECONDS} s")
        time.sleep(0.2)
