"""Proof of the latest backups: each restored into a throwaway server and counted again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .backup import check_clock, scratch
from .manifest import DUMP, MANIFEST, Manifest, file_digest
from .postgres import Postgres, quoted
from .process import AgentError
from .repository import Repository, Snapshot
from .settings import Settings
from .throwaway import throwaway


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a restore of one database showed; without problems it is proven."""

    database: str
    snapshot: str = ""
    age_hours: float = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list[str])


def verify(settings: Settings, now: datetime) -> list[Proof]:
    """Prove the latest backup of every database; raises `AgentError` when none can be read."""
    repository = Repository(settings)
    check_clock(repository, settings, now)
    latest = {s.database: s for s in repository.snapshots()}
    with scratch(settings, "verify") as folder, throwaway(Path(folder)) as postgres:
        return [
            _proof(settings, repository, postgres, name, latest.get(name), now)
            for name in settings.databases
        ]


def fetched(repository: Repository, snapshot: Snapshot, folder: Path) -> Manifest:
    """Bring a snapshot here, whole; raises `AgentError` when its dump is not what was stored."""
    repository.fetch(snapshot, folder)
    try:
        manifest = Manifest.read((folder / MANIFEST).read_text(encoding="utf-8"))
        size, digest = (folder / DUMP).stat().st_size, file_digest(folder / DUMP)
    except OSError as error:
        raise AgentError(f"the snapshot lacks a file: {error}") from error
    if size != manifest.size or digest != manifest.digest:
        raise AgentError(f"the dump has {size} bytes that are not the {manifest.size} dumped")
    return manifest


def _proof(
    settings: Settings,
    repository: Repository,
    postgres: Postgres,
    database: str,
    snapshot: Snapshot | None,
    now: datetime,
) -> Proof:
    if snapshot is None:
        return Proof(database=database, problems=["there is no backup"])
    age = (now - snapshot.time).total_seconds() / 3600
    problems: list[str] = []
    if age > settings.stale_hours:
        problems.append(f"stale: {age:.0f} hours old")
    if age * 3600 < -settings.skew_seconds:
        problems.append(f"from the future: by {-age:.1f} hours")
    if snapshot.suspect:
        problems.append("suspect: much less than the backup before it")
    rows = 0
    try:
        with scratch(settings, "fetch") as folder:
            manifest = fetched(repository, snapshot, Path(folder))
            rows = manifest.total
            if manifest.owner != postgres.user:
                postgres.query(f"CREATE ROLE {quoted(manifest.owner)}")
            postgres.load(manifest, Path(folder) / DUMP, database)
        problems += postgres.differences(manifest, database)
    except AgentError as error:
        problems.append(str(error))
    return Proof(
        database=database, snapshot=snapshot.id, age_hours=round(age, 2), rows=rows,
        problems=problems,
    )  # fmt: skip
