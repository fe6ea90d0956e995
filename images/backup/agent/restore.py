"""A database brought back: beside the present one, or in its place while others work on."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from .backup import scratch, server
from .manifest import DUMP, Manifest
from .postgres import Postgres, quoted
from .process import AgentError
from .recovery import recovered
from .repository import Repository, Snapshot
from .settings import Settings
from .verify import fetched

_CLOSING_SECONDS = 60


def restore(settings: Settings, database: str, snapshot: str, beside: str, now: datetime) -> str:
    """Restore a database and return the name of what it replaced, which is kept.

    `snapshot` is the beginning of an id; empty, the latest that is not suspect. With `beside` the
    copy has that name and nothing is replaced. The copy is compared with its manifest before it
    takes the place. Raises `AgentError`; the present database is untouched then.
    """
    repository = Repository(settings)
    chosen = _chosen(repository.snapshots(database), database, snapshot)
    with scratch(settings, "restore") as folder:
        manifest = fetched(repository, chosen, Path(folder))
        return _put(settings, database, manifest, Path(folder) / DUMP, beside, now)


def restore_to(
    settings: Settings, database: str, moment: datetime | None, beside: str, now: datetime
) -> tuple[str, str]:
    """Restore a database as it was at `moment`, from the archive; None: at the archive's end.

    The whole server is recovered apart, and this database dumped from it. Returns what `restore`
    does, and when the last transaction before the moment ended. Raises `AgentError` as that does.
    """
    with scratch(settings, "restore") as folder:
        with recovered(settings, Path(folder), moment) as found:
            manifest = found.postgres.dump(database, Path(folder))
        dump = Path(folder) / DUMP
        return _put(settings, database, manifest, dump, beside, now), found.last


def _put(
    settings: Settings,
    database: str,
    manifest: Manifest,
    dump: Path,
    beside: str,
    now: datetime,
) -> str:
    """Load a dump, compare it, and let it take the database's place unless it goes beside it."""
    postgres = server(settings)
    stamp = now.strftime("%Y%m%d%H%M%S")
    name = beside or f"{database}_restored_{stamp}"
    postgres.load(manifest, dump, name)
    if different := postgres.differences(manifest, name):
        raise AgentError(f"the copy {name} is not what was backed up: " + "; ".join(different))
    if beside:
        return ""
    kept = f"{database}_before_{stamp}"
    _take_place(postgres, database, name, kept)
    return kept


def _chosen(snapshots: list[Snapshot], database: str, wanted: str) -> Snapshot:
    found = [s for s in snapshots if (s.id.startswith(wanted) if wanted else not s.suspect)]
    if not found or (wanted and len(found) > 1):
        raise AgentError(f"{database} has {len(found)} snapshots {wanted or 'that are good'}")
    return found[-1]


def _take_place(postgres: Postgres, database: str, name: str, kept: str) -> None:
    """Rename both in one transaction, once the old one's connections have ended."""
    if database not in postgres.query("SELECT datname FROM pg_database").splitlines():
        postgres.query(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(database)}")
        return
    # Services reconnect at once: nobody may, until the name is the new database's.
    postgres.query(f"ALTER DATABASE {quoted(database)} CONNECTION LIMIT 0")
    try:
        _close(postgres, database)
        postgres.query(
            f"BEGIN; ALTER DATABASE {quoted(database)} RENAME TO {quoted(kept)};"
            f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(database)}; COMMIT"
        )
    except AgentError:
        postgres.query(f"ALTER DATABASE {quoted(database)} CONNECTION LIMIT -1")
        raise


def _close(postgres: Postgres, database: str) -> None:
    ask = (
        "SELECT datname FROM (SELECT datname, pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = :'database') ended"
    )
    deadline = time.monotonic() + _CLOSING_SECONDS
    while postgres.query(f"\\set database {database}\n{ask}"):
        if time.monotonic() > deadline:
            raise AgentError(f"{database} still has connections after {_CLOSING_SECONDS} s")
        time.sleep(0.2)
