"""The second copy: the repositories of the bucket once more, at another vendor, by SFTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from .kept import TAG
from .process import FAILURES, AgentError, in_words
from .repository import Repository
from .retention import expired, lapsed
from .settings import Settings
from .sftp import clear_unfinished, reach
from .snapshot import Snapshot
from .sources import sources

NAME = "copy"
# A snapshot of the last day within the retention may have gone already: its age was counted to the
# fraction of a second.
_MARGIN = timedelta(days=1)
_KEYS_ALONE = "already contains keys"
_TO_BRING_BACK = "bring them back (docs/runbooks/restore.md)"


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What became of one repository. `problem` is empty when all is well.

    Of its snapshots, `copied` are new where they were copied to, `held` are there now, and
    `dropped` were let go.
    """

    copy: str
    copied: int = 0
    held: int = 0
    dropped: int = 0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A repository of the bucket, and its copy. `days` is how long each source is kept."""

    name: str
    bucket: Repository
    copy: Repository
    days: Mapping[str, int]
    state_days: int
    """For how long the stack's state is kept, where it is in this repository; else 0."""
    clear: Callable[[], bool]
    """Removes what is left of a copy that was ended while its repository was made."""

    def lapsed(self, found: Sequence[Snapshot]) -> list[Snapshot]:
        """What the bucket's retention lets go of all these, which are those of a copy."""
        ordered = sorted(found, key=lambda one: one.time)
        gone = [
            one
            for source, days in self.days.items()
            for one in lapsed(ordered, source, days, copy=True)
        ]
        return [*gone, *expired(_states(ordered), self.state_days, copy=True)]

    def lost(self, held: Sequence[Snapshot], there: Sequence[Snapshot]) -> list[Snapshot]:
        """What the copy has, and the bucket has not, although its retention keeps it."""
        present = {one.origin for one in there}
        kinds = [([one for one in held if one.source == name], d) for name, d in self.days.items()]
        return [
            one
            for own, days in [*kinds, (_states(held), self.state_days)]
            for one in own
            if one.origin not in present
            and one.time > own[-1].time - timedelta(days=days) + _MARGIN
        ]


def pairs(settings: Settings) -> list[Pair]:
    """The repositories that are copied; raises `AgentError` when nobody wants a copy."""
    if not settings.copy_to:
        raise AgentError("there is no second copy: manacore:backup has no copy_to")
    places = [(NAME, settings.repository, settings.copy_to)]
    if settings.redis_host:
        places.append((f"{NAME}/redis", settings.redis_repository, f"{settings.copy_to}/redis"))
    return [
        Pair(
            name=name,
            bucket=Repository(settings, bucket),
            copy=Repository(settings, copy),
            days={
                one.name: one.terms.keep_days
                for one in sources(settings)
                if one.terms.repository == bucket
            },
            state_days=settings.keep_days if bucket == settings.repository else 0,
            clear=partial(clear_unfinished, settings, copy),
        )
        for name, bucket, copy in places
    ]


def copy(settings: Settings) -> list[Copied]:
    """Copy what is new in the bucket, and let go what the bucket's retention does.

    Nothing is let go while the bucket lacks what it has to have: it may be another one by now.
    Raises `AgentError` when the copy's server cannot be reached; a repository that fails keeps no
    other from being copied.
    """
    return _each(settings, _copied)


def bring_back(settings: Settings) -> list[Copied]:
    """Copy all that the bucket lacks from the copy into it; nothing there is changed.

    Raises as `copy` does.
    """
    return _each(settings, _brought_back)


def _each(settings: Settings, act: Callable[[Pair], Copied]) -> list[Copied]:
    found = pairs(settings)
    reach(settings)
    results: list[Copied] = []
    for pair in found:
        try:
            results.append(act(pair))
        except FAILURES as error:
            results.append(Copied(copy=pair.name, problem=in_words(error)))
    return results


def _copied(pair: Pair) -> Copied:
    pair.bucket.unlock()
    there = pair.bucket.snapshots()
    if not there:
        raise AgentError("the bucket has no backups to be copied")
    _begun(pair)
    before = pair.copy.snapshots()
    fresh = _absent(there, before)
    # What would be let go at once is not brought: the bucket keeps some of it for longer.
    old = _with_dumps(pair.lapsed([*before, *fresh]))
    wanted = [one for one in fresh if one.origin not in old]
    held = _taken(wanted, pair.bucket, pair.copy, before)
    if lost := pair.lost(held, there):
        return Copied(
            copy=pair.name,
            copied=len(wanted),
            held=len(held),
            problem=f"the bucket lacks {len(lost)} backups that the copy has, such as "
            f"{lost[-1].origin[:8]}. Nothing is dropped from the copy: {_TO_BRING_BACK}",
        )
    dropped = pair.lapsed(held)
    pair.copy.forget(dropped)
    if wanted or dropped:
        # Also what a copy that was killed has sent in vain.
        pair.copy.prune()
    gone = _with_dumps(dropped)
    left = sum(one.origin not in gone for one in held)
    return Copied(copy=pair.name, copied=len(wanted), held=left, dropped=len(held) - left)


def _begun(pair: Pair) -> None:
    """Make the copy's repository when there is none."""
    try:
        pair.copy.ensure(like=pair.bucket)
    except AgentError as error:
        if _KEYS_ALONE not in str(error) or not pair.clear():
            raise
        pair.copy.ensure(like=pair.bucket)


def _brought_back(pair: Pair) -> Copied:
    pair.copy.unlock()
    held = pair.copy.snapshots()
    if not held:
        raise AgentError("the copy has no backups to be brought back")
    pair.bucket.ensure(like=pair.copy)
    before = pair.bucket.snapshots()
    wanted = _absent(held, before)
    there = _taken(wanted, pair.copy, pair.bucket, before)
    return Copied(copy=pair.name, copied=len(wanted), held=len(there))


def _taken(
    wanted: Sequence[Snapshot], source: Repository, to: Repository, before: Sequence[Snapshot]
) -> Sequence[Snapshot]:
    """What is there once the wanted ones are, `before` included.

    Raises `AgentError` when one of them is not: restic passes over what it does not find.
    """
    if not wanted:
        return before
    to.take(wanted, source)
    held = to.snapshots()
    if missing := _absent(wanted, held):
        raise AgentError(f"{len(missing)} backups were not copied, {missing[0].id[:8]} is one")
    return held


def _with_dumps(snapshots: Sequence[Snapshot]) -> set[str]:
    """The origins of these, and of the dumps that they are the records of."""
    return {one.origin for one in snapshots} | {one.dump for one in snapshots}


def _absent(snapshots: Sequence[Snapshot], among: Sequence[Snapshot]) -> list[Snapshot]:
    """Those of which the others have no copy."""
    present = {one.origin for one in among}
    return [one for one in snapshots if one.origin not in present]


def _states(found: Sequence[Snapshot]) -> list[Snapshot]:
    return [one for one in found if TAG in one.tags]
