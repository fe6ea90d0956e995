"""What the agent does, one at a time, each written into the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO

from . import base as bases
from . import journal, second_copy
from .alone import alone
from .archive import Base
from .backup import Result, back_up
from .journal import Attempt, Journal
from .proof import Proof
from .restore import export, restore, restore_all_to, restore_to
from .second_copy import Copied
from .settings import Settings
from .verify import verify


def run(
    settings: Settings, now: datetime, accepted: Sequence[str] = (), *, patience: float = 0
) -> list[Result]:
    """Back everything up; raises `AgentError`, and `BusyError` when another one is under way."""
    with alone(settings.work, "run", patience):
        ended = _clock(now)
        results: list[Result] = []
        try:
            results = back_up(settings, now, accepted)
        finally:
            attempt = Attempt(
                started=now,
                ended=ended(),
                done=bool(results) and all(one.snapshot for one in results),
            )
            backups = {one.source: _backup(one, attempt.ended) for one in results}
            Journal.read(settings.work, now).backed_up(attempt, backups).write(settings.work)
        return results


def prove(settings: Settings, now: datetime, *, patience: float = 0) -> list[Proof]:
    """Prove the latest backups; raises `AgentError`, and `BusyError` as `run` does."""
    with alone(settings.work, "verify", patience):
        ended = _clock(now)
        proofs: list[Proof] = []
        try:
            proofs = verify(settings, now)
        finally:
            attempt = Attempt(started=now, ended=ended(), done=bool(proofs))
            found = {
                one.source: journal.Proof(held=not one.problems, age_hours=one.age_hours)
                for one in proofs
            }
            Journal.read(settings.work, now).verified(attempt, found).write(settings.work)
        return proofs


def bring_back(settings: Settings, name: str, snapshot: str, beside: str, now: datetime) -> str:
    """Restore a source as `restore` does, once nothing else is under way."""
    with alone(settings.work, f"restore of {name}", settings.wait_seconds):
        return restore(settings, name, snapshot, beside, now)


def hand_out(settings: Settings, name: str, snapshot: str, to: BinaryIO) -> None:
    """Write a source's dump as `export` does, once nothing else is under way."""
    with alone(settings.work, f"export of {name}", settings.wait_seconds):
        export(settings, name, snapshot, to)


def bring_back_to(
    settings: Settings, database: str, moment: datetime | None, beside: str, now: datetime
) -> tuple[str, str]:
    """Restore a database as `restore_to` does, once nothing else is under way."""
    with alone(settings.work, f"restore of {database}", settings.wait_seconds):
        return restore_to(settings, database, moment, beside, now)


def bring_all_back_to(
    settings: Settings, moment: datetime | None, now: datetime
) -> tuple[dict[str, str], str]:
    """Restore every database as `restore_all_to` does, once nothing else is under way."""
    with alone(settings.work, "restore of all databases", settings.wait_seconds):
        return restore_all_to(settings, moment, now)


def base(settings: Settings, now: datetime, *, patience: float = 0) -> Base:
    """Take a base backup; raises `AgentError`, and `BusyError` as `run` does."""
    with alone(settings.work, "base", patience):
        ended, done = _clock(now), False
        try:
            taken = bases.take(settings, now, ended)
            done = True
        finally:
            attempt = Attempt(started=now, ended=ended(), done=done)
            Journal.read(settings.work, now).based(attempt).write(settings.work)
        return taken


def copy(settings: Settings, now: datetime, *, patience: float = 0) -> list[Copied]:
    """Bring the second copy up to date; raises `AgentError`, and `BusyError` as `run` does."""
    with alone(settings.work, "copy", patience):
        ended = _clock(now)
        results: list[Copied] = []
        try:
            results = second_copy.copy(settings)
        finally:
            done = bool(results) and not any(one.problem for one in results)
            attempt = Attempt(started=now, ended=ended(), done=done)
            Journal.read(settings.work, now).copied(attempt).write(settings.work)
        return results


def copy_back(settings: Settings, *, patience: float = 0) -> list[Copied]:
    """Bring back what the bucket lacks, from the second copy; raises as `copy` does."""
    with alone(settings.work, "copy back", patience):
        return second_copy.bring_back(settings)


def _clock(now: datetime) -> Callable[[], datetime]:
    """The time that goes on from `now`, which need not be this machine's."""
    begun = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - begun)


def _backup(result: Result, ended: datetime) -> journal.Backup:
    return journal.Backup(
        good=ended if result.snapshot and not result.problem else None,
        stored=bool(result.snapshot),
        suspect=bool(result.snapshot and result.problem),
        counted=result.counted,
        size=result.size,
        seconds=result.seconds,
    )
