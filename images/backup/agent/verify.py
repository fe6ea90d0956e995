"""Proof of the latest backups: each restored into a throwaway server or folder, and compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .backup import check_clock, repositories, scratch
from .manifest import DUMP, MANIFEST, Manifest, file_digest
from .process import AgentError
from .repository import Repository, Snapshot
from .settings import Settings
from .source import Source
from .sources import sources
from .throwaway import Lab


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a restore of one source showed; without problems it is proven."""

    source: str
    snapshot: str = ""
    age_hours: float = 0
    counted: int = 0
    problems: list[str] = field(default_factory=list[str])


def verify(settings: Settings, now: datetime) -> list[Proof]:
    """Prove the latest backup of every source; raises `AgentError` when none can be read."""
    found = repositories(settings)
    check_clock(settings, found[settings.repository], now)
    latest = {s.source: s for repository in found.values() for s in repository.snapshots()}
    with scratch(settings, "verify") as folder, Lab(Path(folder)) as lab:
        return [
            _proof(
                settings,
                found[source.terms.repository],
                lab,
                source,
                latest.get(source.name),
                now,
            )
            for source in sources(settings)
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
    lab: Lab,
    source: Source,
    snapshot: Snapshot | None,
    now: datetime,
) -> Proof:
    if snapshot is None:
        return Proof(source=source.name, problems=["there is no backup"])
    age = (now - snapshot.time).total_seconds() / 3600
    problems: list[str] = []
    if age > settings.stale_hours:
        problems.append(f"stale: {age:.0f} hours old")
    if age * 3600 < -settings.skew_seconds:
        problems.append(f"from the future: by {-age:.1f} hours")
    if snapshot.suspect:
        problems.append("suspect: much less than the backup before it")
    counted = 0
    try:
        with scratch(settings, "fetch") as folder:
            manifest = fetched(repository, snapshot, Path(folder))
            counted = manifest.total
            problems += source.differences(manifest, Path(folder) / DUMP, lab)
    except AgentError as error:
        problems.append(str(error))
    return Proof(
        source=source.name, snapshot=snapshot.id, age_hours=round(age, 2), counted=counted,
        problems=problems,
    )  # fmt: skip
