"""Proof of the archive: the whole server, recovered to its end into a throwaway server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from .archive import Archive
from .archived import Archived
from .backup import scratch
from .manifest import Manifest
from .postgres import Postgres
from .process import AgentError
from .proof import Proof
from .receiver import Cluster, gaps
from .recovery import Recovered, chosen, recovered
from .settings import Settings

NAME = "archive"
# A beat is below a minute, and alerted after a few: a proof looks for what nobody looked at.
_BEHIND_SECONDS = 900


def prove(settings: Settings, manifests: Mapping[str, Manifest], now: datetime) -> Proof:
    """Recover the archive to its end and compare; never raises `AgentError`.

    It has to reach what the archiver said last that it does, and to have each table that the
    databases' latest backups have (`manifests`, by database). Rows may be others by now.
    """
    said = Archived.read(settings.work)
    if said is None or said.until is None:
        return Proof(source=NAME, problems=["nothing of the log is archived yet"])
    problems: list[str] = []
    if (behind := (now - said.until).total_seconds()) > _BEHIND_SECONDS:
        problems.append(
            f"stale: what was committed in the last {behind / 3600:.1f} hours is not archived"
            + (f" ({said.problem})" if said.problem else "")
        )
    try:
        _refuse_gaps(settings)
        with (
            scratch(settings, "verify") as folder,
            recovered(settings, Path(folder), None) as found,
        ):
            counted, different = _compared(found.postgres, manifests)
            problems += [*_too_short(found, said.until), *different]
            return Proof(
                source=NAME,
                snapshot=found.base.name,
                age_hours=round((now - _end(found)).total_seconds() / 3600, 2),
                counted=counted,
                problems=problems,
            )
    except AgentError as error:
        return Proof(source=NAME, problems=[*problems, str(error)])


def _refuse_gaps(settings: Settings) -> None:
    """Raise `AgentError` with the segments that are missing: a recovery would end before them."""
    archive = Archive(settings)
    base, segments = chosen(archive, archive.bases(), None)
    needed = [one for one in segments if one >= base.first]
    if missing := gaps(base.first, needed, Cluster(settings=settings).segment_size()):
        raise AgentError(
            f"{len(missing)} segments are missing after the base backup {base.name}: "
            f"{missing[0]} is the first"
        )


def _too_short(found: Recovered, until: datetime) -> list[str]:
    end = _end(found)
    if end >= until:
        return []
    return [f"the archive ends at {_utc(end)}, and was said to reach {_utc(until)}"]


def _compared(postgres: Postgres, manifests: Mapping[str, Manifest]) -> tuple[int, Sequence[str]]:
    """The rows of all databases, and the tables of their latest backups that are not there."""
    counted, problems = 0, list[str]()
    for database, manifest in manifests.items():
        try:
            rows = postgres.counts(database)
        except AgentError as error:
            problems.append(f"{database} cannot be read: {error}")
            continue
        counted += sum(rows.values())
        problems += [
            f"table {table} of {database} is missing"
            for table in manifest.counts
            if table not in rows
        ]
    return counted, problems


def _end(found: Recovered) -> datetime:
    """When the last transaction ended, or the base backup if there was none since."""
    if not found.last:
        return found.base.ended
    return datetime.fromisoformat(found.last.removesuffix(" UTC")).replace(tzinfo=UTC)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
