"""A database of PostgreSQL: backed up, proven, and brought back beside or in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .closed import closed
from .manifest import DUMP, Manifest
from .postgres import Postgres, quoted
from .process import AgentError, Programs, Take
from .source import Target, Terms
from .throwaway import Lab

# Followed by the time, it ends the name of a copy that is to take the place of its database.
_RESTORED = "_restored_"


@dataclass(frozen=True, kw_only=True)
class Database:
    """One of the server's databases."""

    server: Postgres
    database: str
    terms: Terms

    @property
    def name(self) -> str:
        """`postgres/chat`."""
        return f"postgres/{self.database}"

    def dump(self, folder: Path) -> Manifest:
        """By pg_dump; rows are counted in the same snapshot. Raises `AgentError`."""

        def written(command: Sequence[str], programs: Programs) -> int:
            programs.run([*command, "-f", str(folder / DUMP)])
            return (folder / DUMP).stat().st_size

        return self.stream(written)

    def stream(self, take: Take) -> Manifest:
        """The same, for `take`."""
        return self.server.dump(self.database, self.name, take)

    def differences(self, manifest: Manifest, dump: Path, lab: Lab) -> list[str]:
        """Restore it into the lab's server and count again; raises `AgentError`."""
        owner = manifest.facts["owner"]
        if owner not in lab.postgres.query("SELECT rolname FROM pg_roles").splitlines():
            lab.postgres.query(f"CREATE ROLE {quoted(owner)}")
        try:
            lab.postgres.load(manifest, dump, self.database)
            return lab.postgres.differences(manifest, self.database)
        finally:
            # The next one needs the room.
            lab.postgres.query(f"DROP DATABASE IF EXISTS {quoted(self.database)} WITH (FORCE)")

    def restore(self, manifest: Manifest, dump: Path, lab: Lab, target: Target) -> str:
        """Restore beside, compare, and then change names in one transaction."""
        del lab  # the copy is made in the server itself
        name = self.copied(manifest, dump, target)
        if target.beside:
            return ""
        return take_places(self.server, {self.database: name}, target)[self.database]

    def copied(self, manifest: Manifest, dump: Path, target: Target) -> str:
        """The name of a copy beside, once it is what was dumped; raises `AgentError`."""
        name = target.beside
        if not name:
            self._drop_unfinished()
            name = f"{self.database}{_RESTORED}{target.stamp}"
        self.server.load(manifest, dump, name)
        if different := self.server.differences(manifest, name):
            raise AgentError(f"the copy {name} is not what was backed up: " + "; ".join(different))
        return name

    def _drop_unfinished(self) -> None:
        """Drop the copies of restores that were killed: only one at a time is under way."""
        ours = re.compile(rf"{re.escape(self.database)}{_RESTORED}[0-9]{{14}}")
        for left in filter(ours.fullmatch, self.server.databases()):
            self.server.query(f"DROP DATABASE {quoted(left)} WITH (FORCE)")


def take_places(server: Postgres, copies: Mapping[str, str], target: Target) -> dict[str, str]:
    """Give copies the names of their databases, all in one transaction.

    Returns as what each of those is kept, empty for one that was not there. Connections to them are
    ended before, with a note of that in the target's `work`. Raises `AgentError`: all have their
    names then.
    """
    there = set(server.databases()) & copies.keys()
    kept = {name: f"{name}_before_{target.stamp}" if name in there else "" for name in copies}
    away = [f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(kept[name])}" for name in there]
    here = [
        f"ALTER DATABASE {quoted(copy)} RENAME TO {quoted(name)}" for name, copy in copies.items()
    ]
    with closed(server, there, target.work):
        server.query("; ".join(["BEGIN", *away, *here, "COMMIT"]))
    return kept
