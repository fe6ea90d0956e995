"""Proof of the latest backups: each restored into a throwaway server or folder, and compared."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from . import archive_proof, copy_proof
from .backup import check_clock, repositories, scratch
from .database import Database
from .manifest import DUMP, MANIFEST, Manifest, file_digest
from .process import FAILURES, AgentError, in_words
from .proof import Proof
from .repository import Repository
from .room import refuse_without
from .settings import Settings
from .snapshot import Snapshot
from .source import Source
from .sources import sources
from .throwaway import Lab


def verify(settings: Settings, now: datetime) -> list[Proof]:
    """Prove the latest backup of every source, and archive and second copy where there are any.

    Raises `AgentError` when none can be read.
    """
    begun = time.monotonic()
    found = repositories(settings)
    check_clock(settings, found[settings.repository], now)
    latest = {s.source: s for repository in found.values() for s in repository.snapshots()}
    with scratch(settings, "verify") as folder, Lab(Path(folder)) as lab:
        proofs = [
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
    if settings.archive_user:
        manifests = _manifests(settings, found, latest)
        # The proofs before took their time, and the archive has gone on meanwhile.
        then = now + timedelta(seconds=time.monotonic() - begun)
        proofs.append(archive_proof.prove(settings, manifests, then))
    if settings.copy_to:
        proofs += copy_proof.prove(settings, now)
    return proofs


def _manifests(
    settings: Settings, found: Mapping[str, Repository], latest: Mapping[str, Snapshot]
) -> dict[str, Manifest]:
    """What the databases' latest backups have; of one that cannot be read its own proof tells."""
    manifests: dict[str, Manifest] = {}
    for source in sources(settings):
        if isinstance(source, Database) and source.name in latest:
            with suppress(AgentError):
                manifest = found[source.terms.repository].manifest(latest[source.name])
                manifests[source.database] = manifest
    return manifests


def fetched(repository: Repository, snapshot: Snapshot, folder: Path) -> Manifest:
    """Bring a snapshot here, whole; raises `AgentError` when its dump is not what was stored."""
    repository.fetch(snapshot, folder)
    try:
        manifest = Manifest.read((folder / MANIFEST).read_text(encoding="utf-8"))
        if snapshot.dump:
            refuse_without(folder, manifest.size, f"the dump of {manifest.source}")
            repository.fetch_dump(snapshot, folder)
        size = (folder / DUMP).stat().st_size
        digest = file_digest(folder / DUMP) if manifest.digest else ""
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
    except FAILURES as error:
        problems.append(in_words(error))
    return Proof(
        source=source.name, snapshot=snapshot.id, age_hours=round(age, 2), counted=counted,
        problems=problems,
    )  # fmt: skip
