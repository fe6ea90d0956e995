"""What retention lets go of a repository, and what has to stay whatever its age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from .snapshot import Snapshot

_KEPT_WHATEVER_AGE = 7
# What came back from the copy is locked in the bucket from then on, when it was up to as old as
# the retention: twice of it is when the lock has let go all of it.
_BROUGHT_BACK = 2


def expired(snapshots: Sequence[Snapshot], keep_days: int, *, copy: bool = False) -> list[Snapshot]:
    """What retention lets go, oldest first: nothing at all while the latest is suspect.

    Ages are counted from the latest snapshot, not from a clock that may be wrong, and the last
    good ones are kept however old they are. In a `copy` nothing is locked.
    """
    if not snapshots or snapshots[-1].suspect:
        return []
    latest = snapshots[-1].time
    good = [snapshot for snapshot in snapshots if not snapshot.suspect]
    kept = {snapshot.id for snapshot in good[-_KEPT_WHATEVER_AGE:]}
    return [
        one
        for one in snapshots
        if one.time < latest - _kept(one, keep_days, copy) and one.id not in kept
    ]


def lapsed(
    found: Sequence[Snapshot], source: str, keep_days: int, *, copy: bool = False
) -> list[Snapshot]:
    """What retention lets go of a source, of all that is in its repository (the oldest first)."""
    own = [one for one in found if one.source == source]
    if not own:
        return []
    return [
        *expired(own, keep_days, copy=copy),
        *_left_alone(found, source, own[-1].time, keep_days, copy),
    ]


def _left_alone(
    found: Sequence[Snapshot], source: str, latest: datetime, keep_days: int, copy: bool
) -> list[Snapshot]:
    """Dumps of a source that no record names, as their backup was ended, and that are old."""
    named = {one.dump for one in found}
    return [
        one
        for one in found
        if one.dump_of == source
        and one.origin not in named
        and one.time < latest - _kept(one, keep_days, copy)
    ]


def _kept(snapshot: Snapshot, keep_days: int, copy: bool) -> timedelta:
    return timedelta(days=keep_days * (_BROUGHT_BACK if snapshot.original and not copy else 1))
