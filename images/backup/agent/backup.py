"""A backup: each source dumped, judged beside its last good backup, stored, and retained."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from .manifest import Manifest
from .process import AgentError
from .repository import Repository, expired
from .settings import Settings
from .source import Source
from .sources import sources
from .suspicion import shrunk

Purpose = Literal["verify", "fetch", "restore"]
SCRATCH: tuple[Purpose, ...] = get_args(Purpose)
DUMPS = "dumps"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one source. `problem` is empty when all is well.

    Without a `snapshot` nothing was stored. With both it is `suspect`. `counted` are rows, keys or
    bytes of files, `size` the dump's bytes.
    """

    source: str
    snapshot: str = ""
    counted: int = 0
    size: int = 0
    seconds: float = 0
    problem: str = ""


def back_up(settings: Settings, now: datetime, accepted: Sequence[str] = ()) -> list[Result]:
    """Back up every source; one that fails keeps no other from being stored.

    `accepted` are sources that shrank on purpose. Raises `AgentError` when no backup can be made
    at all: the bucket cannot be reached, the key is wrong, the clock is.
    """
    found = repositories(settings)
    check_clock(settings, found[settings.repository], now)
    for repository in found.values():
        repository.ensure()
    results: list[Result] = []
    for source in sources(settings):
        repository = found[source.terms.repository]
        try:
            results.append(_one(settings, repository, source, now, source.name in accepted))
        except AgentError as error:
            results.append(Result(source=source.name, problem=str(error)))
    return results


def repositories(settings: Settings) -> dict[str, Repository]:
    """The repositories that the sources are kept in, by address."""
    addresses = [settings.repository, *(s.terms.repository for s in sources(settings))]
    return {address: Repository(settings, address) for address in dict.fromkeys(addresses)}


def check_clock(settings: Settings, repository: Repository, now: datetime) -> None:
    """Raise `AgentError` when this clock is not the bucket's: ages would mean nothing."""
    skew = repository.skew(now)
    if skew > settings.skew_seconds:
        raise AgentError(f"the clock is {skew:.0f} s away from the bucket's: correct it first")


def _one(
    settings: Settings, repository: Repository, source: Source, now: datetime, accepted: bool
) -> Result:
    begun = time.monotonic()
    # Always the same path: restic compares a snapshot with the one before of the same path.
    folder = Path(settings.work) / DUMPS / source.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        manifest = source.dump(folder)
        manifest.write(folder)
        problem = "" if accepted else shrunk(manifest, _last_good(repository, source), source.terms)
        snapshot = repository.store(folder, source.name, now, suspect=bool(problem))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    repository.forget(expired(repository.snapshots(source.name), source.terms.keep_days))
    return Result(
        source=source.name,
        snapshot=snapshot,
        counted=manifest.total,
        size=manifest.size,
        seconds=round(time.monotonic() - begun, 1),
        problem=problem and f"suspect: {problem}",
    )


def _last_good(repository: Repository, source: Source) -> Manifest | None:
    good = [snapshot for snapshot in repository.snapshots(source.name) if not snapshot.suspect]
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
    shutil.rmtree(Path(settings.work) / DUMPS, ignore_errors=True)
