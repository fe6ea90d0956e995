"""A backup: each database dumped, judged beside its last good backup, stored, and retained."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from .manifest import Manifest, shrunk
from .postgres import Postgres
from .process import AgentError, Programs
from .repository import SUSPECT, Repository, expired
from .settings import Settings

Purpose = Literal["verify", "fetch", "restore"]
SCRATCH: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one database. `problem` is empty when all is well.

    Without a `snapshot` nothing was stored. With both it is `suspect`.
    """

    database: str
    snapshot: str = ""
    rows: int = 0
    size: int = 0
    seconds: float = 0
    problem: str = ""


def server(settings: Settings) -> Postgres:
    """The server whose databases are backed up."""
    return Postgres(
        host=settings.host,
        port=settings.port,
        user=settings.user,
        programs=Programs({"PGPASSFILE": settings.passfile}),
    )


def back_up(settings: Settings, now: datetime, accepted: Sequence[str] = ()) -> list[Result]:
    """Back up every database; one that fails keeps no other from being stored.

    `accepted` are databases that shrank on purpose. Raises `AgentError` when no backup can be made
    at all: the bucket cannot be reached, the key is wrong, the clock is.
    """
    repository = Repository(settings)
    check_clock(repository, settings, now)
    repository.ensure()
    results: list[Result] = []
    for database in settings.databases:
        try:
            results.append(_one(settings, repository, database, now, database in accepted))
        except AgentError as error:
            results.append(Result(database=database, problem=str(error)))
    return results


def check_clock(repository: Repository, settings: Settings, now: datetime) -> None:
    """Raise `AgentError` when this clock is not the bucket's: ages would mean nothing."""
    skew = repository.skew(now)
    if skew > settings.skew_seconds:
        raise AgentError(f"the clock is {skew:.0f} s away from the bucket's: correct it first")


def _one(
    settings: Settings, repository: Repository, database: str, now: datetime, accepted: bool
) -> Result:
    begun = time.monotonic()
    # Always the same path: restic compares a snapshot with the one before of the same path.
    folder = Path(settings.work) / database
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        manifest = server(settings).dump(database, folder)
        problem = (
            ""
            if accepted
            else shrunk(manifest, _last_good(repository, database), settings.shrink_percent)
        )
        tags = [f"database:{database}", *([SUSPECT] if problem else [])]
        snapshot = repository.store(folder, tags, now)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    repository.forget(expired(repository.snapshots(database), settings.keep_days))
    return Result(
        database=database,
        snapshot=snapshot,
        rows=manifest.total,
        size=manifest.size,
        seconds=round(time.monotonic() - begun, 1),
        problem=problem and f"suspect: {problem}",
    )


def _last_good(repository: Repository, database: str) -> Manifest | None:
    good = [snapshot for snapshot in repository.snapshots(database) if not snapshot.suspect]
    return repository.manifest(good[-1]) if good else None


def scratch(settings: Settings, purpose: Purpose) -> tempfile.TemporaryDirectory[str]:
    """A private folder on the volume that goes when it is done with."""
    Path(settings.work).mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=f"{purpose}-", dir=settings.work)


def sweep(settings: Settings) -> None:
    """Remove what a run that was killed left behind: dumps and throwaway servers."""
    for purpose in SCRATCH:
        for left in Path(settings.work).glob(f"{purpose}-*"):
            shutil.rmtree(left, ignore_errors=True)
    for database in settings.databases:
        shutil.rmtree(Path(settings.work) / database, ignore_errors=True)
