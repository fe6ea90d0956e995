"""A backup brought back, or handed out: the chosen snapshot of a source, once it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from .backup import scratch
from .database import Database, take_places
from .manifest import DUMP, Manifest
from .process import AgentError
from .recovery import Recovered, recovered
from .repository import Repository
from .room import refuse_without
from .settings import Settings
from .snapshot import Snapshot
from .source import Restorable, Source, Target
from .sources import named, sources
from .throwaway import Lab
from .verify import fetched


def restore(settings: Settings, name: str, snapshot: str, beside: str, now: datetime) -> str:
    """Restore a source and return the name of what it replaced, which is kept.

    `snapshot` is the beginning of an id; empty, the latest that is not suspect. With `beside` the
    copy has that name and nothing is replaced. The copy is compared with its manifest before it
    takes the place. Raises `AgentError`; what is there now is untouched then.
    """
    source = named(settings, name)
    if not isinstance(source, Restorable):
        raise AgentError(f"the agent may not put {name} back; `export` hands it out")
    target = _target(settings, beside, now)
    with _brought(settings, source, snapshot) as (manifest, folder), Lab(folder) as lab:
        return source.restore(manifest, folder / DUMP, lab, target)


def restore_to(
    settings: Settings, name: str, moment: datetime | None, beside: str, now: datetime
) -> tuple[str, str]:
    """Restore a database as it was at `moment`, from the archive; None: at the archive's end.

    The whole server is recovered apart, and this database dumped from it. Returns what `restore`
    does, and when the last transaction before the moment ended. Raises `AgentError` as that does.
    """
    source = named(settings, name)
    if not isinstance(source, Database):
        raise AgentError(f"{name} is not archived: only databases are")
    target = _target(settings, beside, now)
    with scratch(settings, "restore") as root:
        folder = Path(root)
        with recovered(settings, folder, moment) as found:
            manifest, place = _dumped(found, source, folder)
        # The copy of the server is of no more use, and large.
        shutil.rmtree(folder / "data")
        with Lab(folder) as lab:
            return source.restore(manifest, place / DUMP, lab, target), found.last


def restore_all_to(
    settings: Settings, moment: datetime | None, now: datetime
) -> tuple[dict[str, str], str]:
    """Restore every database as at `moment`, by one recovery; otherwise as `restore_to`.

    Returns as what each database is kept. All copies are there and compared before the first takes
    its place, and all take it in one transaction: it is everything or nothing.
    """
    databases = [source for source in sources(settings) if isinstance(source, Database)]
    target = _target(settings, "", now)
    with scratch(settings, "restore") as root:
        folder = Path(root)
        with recovered(settings, folder, moment) as found:
            _refuse_missing(found, databases)
            dumped = [(one, *_dumped(found, one, folder)) for one in databases]
        shutil.rmtree(folder / "data")
        copies: dict[str, str] = {}
        for one, manifest, place in dumped:
            copies[one.database] = one.copied(manifest, place / DUMP, target)
            shutil.rmtree(place)
        return take_places(databases[0].server, copies, target), found.last


def _target(settings: Settings, beside: str, now: datetime) -> Target:
    stamp = now.strftime("%Y%m%d%H%M%S")
    return Target(beside=beside, stamp=stamp, work=Path(settings.work))


def _dumped(found: Recovered, database: Database, folder: Path) -> tuple[Manifest, Path]:
    """A database's dump out of a recovered server, in a folder of its own."""
    place = folder / f"dump-{database.database}"
    place.mkdir(mode=0o700)
    occupied = found.postgres.sizes().get(database.database, 0)
    refuse_without(place, occupied, f"the dump of {database.name}")
    return replace(database, server=found.postgres).dump(place), place


def _refuse_missing(found: Recovered, databases: Sequence[Database]) -> None:
    there = found.postgres.databases()
    if missing := [one.database for one in databases if one.database not in there]:
        raise AgentError(
            f"{', '.join(missing)} did not exist at that time: restore the others one by one"
        )


def export(settings: Settings, name: str, snapshot: str, to: BinaryIO) -> None:
    """Write a source's dump as it was stored, once it is here whole; raises `AgentError`."""
    with (
        _brought(settings, named(settings, name), snapshot) as (_, folder),
        (folder / DUMP).open("rb") as dump,
    ):
        shutil.copyfileobj(dump, to)


@contextmanager
def _brought(settings: Settings, source: Source, snapshot: str) -> Generator[tuple[Manifest, Path]]:
    repository = Repository(settings, source.terms.repository)
    chosen = _chosen(repository.snapshots(source.name), source.name, snapshot)
    with scratch(settings, "restore") as folder:
        yield fetched(repository, chosen, Path(folder)), Path(folder)


def _chosen(snapshots: list[Snapshot], name: str, wanted: str) -> Snapshot:
    found = [s for s in snapshots if (s.id.startswith(wanted) if wanted else not s.suspect)]
    if not found or (wanted and len(found) > 1):
        raise AgentError(f"{name} has {len(found)} snapshots {wanted or 'that are good'}")
    return found[-1]
