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
from .process import FAILURES, AgentError, Programs, in_words
from .repository import Repository
from .retention import lapsed
from .settings import Settings
from .snapshot import Snapshot
from .source import Source, Streamed
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
    before = {address: repository.snapshots() for address, repository in found.items()}
    for source in sources(settings):
        address = source.terms.repository
        store = _Store(found[address], before[address], source, now)
        try:
            results.append(_one(settings, store, source.name in accepted))
        except FAILURES as error:
            results.append(Result(source=source.name, problem=in_words(error)))
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


@dataclass
class _Store:
    """Where a source's backup goes, and what is there already."""

    repository: Repository
    found: Sequence[Snapshot]
    source: Source
    now: datetime
    dump: str = ""

    @property
    def before(self) -> list[Snapshot]:
        """The source's backups so far."""
        return [snapshot for snapshot in self.found if snapshot.source == self.source.name]

    def take(self, command: Sequence[str], programs: Programs) -> int:
        """Store a dump as it comes."""
        name = self.source.name
        self.dump, size = self.repository.store_output(command, programs, name, self.now)
        return size

    def dumped(self, folder: Path) -> Manifest:
        """The dump, stored or in the folder."""
        source = self.source
        return source.stream(self.take) if isinstance(source, Streamed) else source.dump(folder)

    def last_good(self) -> Manifest | None:
        """The manifest of the last backup that is not suspect."""
        good = [snapshot for snapshot in self.before if not snapshot.suspect]
        return self.repository.manifest(good[-1]) if good else None

    def retain(self, made: Snapshot) -> None:
        """Let go what is too old beside the one that was made now."""
        source = self.source
        old = lapsed([*self.found, made], source.name, source.terms.keep_days)
        self.repository.forget(old)


def _one(settings: Settings, store: _Store, accepted: bool) -> Result:
    begun, source = time.monotonic(), store.source
    # Always the same path: restic compares a snapshot with the one before of the same path.
    folder = Path(settings.work) / DUMPS / source.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        manifest = store.dumped(folder)
        manifest.write(folder)
        problem = "" if accepted else shrunk(manifest, store.last_good(), source.terms)
        made = store.repository.store(
            folder, source.name, store.now, suspect=bool(problem), dump=store.dump
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    store.retain(made)
    return Result(
        source=source.name,
        snapshot=made.id,
        counted=manifest.total,
        size=manifest.size,
        seconds=round(time.monotonic() - begun, 1),
        problem=problem and f"suspect: {problem}",
    )


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
