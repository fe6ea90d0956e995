"""What can be backed up, whatever its kind: all that the agent does is written against this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from .manifest import Manifest
from .process import Take
from .throwaway import Lab


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How the backups of a source are kept and judged.

    `repository` is restic's address. A backup is kept for `keep_days`, and is suspect with
    `shrink_percent` less than the last good one. `counted` and `parts` are the words for what a
    manifest counts, and for where it does: rows, and tables.
    """

    repository: str
    keep_days: int
    shrink_percent: int
    counted: str
    parts: str


class Source(Protocol):
    """Something that is dumped into one file, and can be compared with what it held then."""

    @property
    def name(self) -> str:
        """Its kind, and its own name where the kind has several: `redis`, `postgres/chat`."""
        ...

    @property
    def terms(self) -> Terms:
        """How its backups are kept and judged."""
        ...

    def dump(self, folder: Path) -> Manifest:
        """Dump it into the folder, with its manifest; raises `AgentError`."""
        ...

    def differences(self, manifest: Manifest, dump: Path, lab: Lab) -> list[str]:
        """In what a dump, restored in the lab, differs from its manifest; raises `AgentError`."""
        ...


@runtime_checkable
class Streamed(Source, Protocol):
    """A source whose dump needs no disk: a program writes it, and it is stored as it comes."""

    def stream(self, take: Take) -> Manifest:
        """As `dump`, with the dump given to `take`; raises `AgentError`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to: `beside` the present one under that name, or in its place when that is empty.

    `stamp` is the moment, as it becomes part of names; `work` the agent's folder, for notes that
    outlive a kill.
    """

    beside: str
    stamp: str
    work: Path


@runtime_checkable
class Restorable(Source, Protocol):
    """A source that the agent itself brings back; another is handed out by `export`."""

    def restore(self, manifest: Manifest, dump: Path, lab: Lab, target: Target) -> str:
        """Bring a dump back; the name of what it replaced and kept, empty when there is none.

        What is brought back is compared before it replaces anything. Raises `AgentError`; what is
        there now is untouched then.
        """
        ...
