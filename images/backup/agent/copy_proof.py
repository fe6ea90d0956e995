"""Proof of the second copy: restic's check, with a part of the data read that is another each week.

What it holds is not restored once more: a copy is of what was proven, piece by piece.
"""

from __future__ import annotations

from datetime import datetime

from .process import FAILURES, AgentError, in_words
from .proof import Proof
from .second_copy import Pair, pairs
from .settings import Settings
from .sftp import reach


def prove(settings: Settings, now: datetime) -> list[Proof]:
    """Check each repository of the copy; never raises `AgentError`."""
    found = pairs(settings)
    try:
        reach(settings)
    except AgentError as error:
        return [Proof(source=pair.name, problems=[str(error)]) for pair in found]
    return [_proof(settings, pair, now) for pair in found]


def subset(now: datetime, parts: int) -> str:
    """The part of the data that is read: after so many weeks all of it was."""
    return f"{now.toordinal() // 7 % parts + 1}/{parts}"


def _proof(settings: Settings, pair: Pair, now: datetime) -> Proof:
    try:
        pair.copy.unlock()
        held = pair.copy.snapshots()
        backups = [one for one in held if one.source]
        if not backups:
            return Proof(source=pair.name, problems=["there is no copy"])
        age = (now - backups[-1].time).total_seconds() / 3600
        problems = [f"stale: {age:.0f} hours old"] if age > settings.stale_hours else []
        try:
            pair.copy.check(subset(now, settings.copy_parts))
        except AgentError as error:
            problems.append(str(error))
    except FAILURES as error:
        return Proof(source=pair.name, problems=[in_words(error)])
    return Proof(
        source=pair.name,
        snapshot=backups[-1].id,
        age_hours=round(age, 2),
        counted=len(held),
        problems=problems,
    )
