"""What the agent did last, in a file on the volume, so that a restart forgets nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from . import jsonfile
from .process import AgentError

FILE = "journal.json"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A backup or a proof of all sources. `done`: it could be carried out, whatever it found."""

    started: datetime
    ended: datetime
    done: bool


@dataclass(frozen=True, kw_only=True)
class Backup:
    """The last backup of a source; `good` is when the last one ended that was not suspect."""

    good: datetime | None = None
    stored: bool = False
    suspect: bool = False
    counted: int = 0
    size: int = 0
    seconds: float = 0


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The last proof of a source: whether it held, and how old its backup was."""

    held: bool
    age_hours: float = 0


@dataclass(frozen=True, kw_only=True)
class Journal:
    """`since` is when the agent ran for the first time, `proven` when all proofs held last.

    `based_at` is when the last base backup of the archive ended, `copied_at` when the second copy
    had all that it was to have.
    """

    since: datetime
    run: Attempt | None = None
    verify: Attempt | None = None
    proven: datetime | None = None
    base: Attempt | None = None
    based_at: datetime | None = None
    copy: Attempt | None = None
    copied_at: datetime | None = None
    backups: Mapping[str, Backup] = field(default_factory=dict[str, Backup])
    proofs: Mapping[str, Proof] = field(default_factory=dict[str, Proof])

    @classmethod
    def read(cls, work: str, now: datetime) -> Journal:
        """Read it; a new one that begins `now` when there is none, or none that can be read.

        No backup is left out for its sake: what it said is then missing in the metrics, which is
        alerted. Raises `AgentError` when the volume cannot be read.
        """
        file = Path(work) / FILE
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(since=now)
        except OSError as error:
            raise AgentError(f"{file} cannot be read: {error}") from error
        try:
            found = cast("dict[str, Any]", json.loads(text))
            return cls(
                since=datetime.fromisoformat(found["since"]),
                run=_attempt(found["run"]),
                verify=_attempt(found["verify"]),
                proven=_moment(found["proven"]),
                base=_attempt(found.get("base")),
                based_at=_moment(found.get("based_at")),
                copy=_attempt(found.get("copy")),
                copied_at=_moment(found.get("copied_at")),
                backups={
                    name: replace(Backup(**one), good=_moment(one["good"]))
                    for name, one in found["backups"].items()
                },
                proofs={name: Proof(**one) for name, one in found["proofs"].items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(since=now)

    def write(self, work: str) -> None:
        """Write it in one step; raises `OSError`."""
        jsonfile.write(Path(work) / FILE, _plain(self))

    def backed_up(self, attempt: Attempt, backups: Mapping[str, Backup]) -> Journal:
        """With a backup; a source that was not stored keeps the time of its last good one."""
        merged = {
            name: one if one.good else replace(one, good=self._good(name))
            for name, one in backups.items()
        }
        return replace(self, run=attempt, backups={**self.backups, **merged})

    def verified(self, attempt: Attempt, proofs: Mapping[str, Proof]) -> Journal:
        """With a proof; one that could not be carried out changes no source's."""
        held = attempt.done and all(one.held for one in proofs.values())
        return replace(
            self,
            verify=attempt,
            proven=attempt.ended if held else self.proven,
            proofs={**self.proofs, **proofs},
        )

    def based(self, attempt: Attempt) -> Journal:
        """With a base backup; one that failed keeps the time of the last that did not."""
        return replace(
            self, base=attempt, based_at=attempt.ended if attempt.done else self.based_at
        )

    def copied(self, attempt: Attempt) -> Journal:
        """With a copy; one that failed keeps the time of the last that did not."""
        return replace(
            self, copy=attempt, copied_at=attempt.ended if attempt.done else self.copied_at
        )

    def _good(self, source: str) -> datetime | None:
        before = self.backups.get(source)
        return before.good if before else None


def _attempt(found: Mapping[str, Any] | None) -> Attempt | None:
    if found is None:
        return None
    return Attempt(
        started=datetime.fromisoformat(found["started"]),
        ended=datetime.fromisoformat(found["ended"]),
        done=bool(found["done"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(value: object) -> object:
    """As JSON has it."""
    match value:
        case datetime():
            return value.isoformat()
        case Journal() | Attempt() | Backup() | Proof():
            return {name: _plain(one) for name, one in vars(value).items()}
        case dict():
            return {name: _plain(one) for name, one in cast("dict[str, object]", value).items()}
        case Sequence() if not isinstance(value, str):
            return [_plain(one) for one in cast("Sequence[object]", value)]
        case _:
            return value
