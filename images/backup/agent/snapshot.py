"""A snapshot in a repository, and what its tags say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SUSPECT = "suspect"
SOURCE_TAG = "source:"
# A dump that was stored as it came, and the tag by which its record names it.
DUMP_TAG = "dump:"
OF_TAG = "of:"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A backup of one source: dump and manifest, or the manifest, as the record `of` a dump.

    One that was copied from another repository has an id of its own; `original` is the first one's.
    """

    id: str
    time: datetime
    tags: tuple[str, ...]
    path: str = ""
    original: str = ""

    @property
    def origin(self) -> str:
        """The id under which it was stored first: the same in each copy."""
        return self.original or self.id

    @property
    def suspect(self) -> bool:
        """Whether it had much less than the one before it."""
        return SUSPECT in self.tags

    @property
    def source(self) -> str:
        """The name of the source that it is of."""
        return self._tagged(SOURCE_TAG)

    @property
    def dump_of(self) -> str:
        """The name of the source whose mere dump it is; it counts once there is a record of it."""
        return self._tagged(DUMP_TAG)

    @property
    def dump(self) -> str:
        """The origin of the dump that it is the record of; empty when it has it itself."""
        return self._tagged(OF_TAG)

    def _tagged(self, kind: str) -> str:
        tagged = (tag.removeprefix(kind) for tag in self.tags if tag.startswith(kind))
        return next(tagged, "")
