"""A database of PostgreSQL: backed up, proven, and brought back beside or in its place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .manifest import DUMP, Manifest
from .postgres import Postgres, quoted
from .process import AgentError, Programs, Take
from .source import Target, Terms
from .throwaway import Lab

_CLOSING_SECONDS = 60


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
        lab.postgres.load(manifest, dump, self.database)
        return lab.postgres.differences(manifest, self.database)

    def restore(self, manifest: Manifest, dump: Path, lab: Lab, target: Target) -> str:
        """Restore beside, compare, and then change names in one transaction."""
        del lab  # the copy is made in the server itself
        name = target.beside or f"{self.database}_restored_{target.stamp}"
        self.server.load(manifest, dump, name)
        if different := self.server.differences(manifest, name):
            raise AgentError(f"the copy {name} is not what was backed up: " + "; ".join(different))
        if target.beside:
            return ""
        kept = f"{self.database}_before_{target.stamp}"
        self._give_place(name, kept)
        return kept

    def _give_place(self, name: str, kept: str) -> None:
        """Rename both in one transaction, once the old one's connections have ended."""
        query, mine = self.server.query, quoted(self.database)
        if self.database not in query("SELECT datname FROM pg_database").splitlines():
            query(f"ALTER DATABASE {quoted(name)} RENAME TO {mine}")
            return
        # Services reconnect at once: nobody may, until the name is the new database's.
        query(f"ALTER DATABASE {mine} CONNECTION LIMIT 0")
        try:
            self._close()
            query(
                f"BEGIN; ALTER DATABASE {mine} RENAME TO {quoted(kept)};"
                f"ALTER DATABASE {quoted(name)} RENAME TO {mine}; COMMIT"
            )
        except AgentError:
            query(f"ALTER DATABASE {mine} CONNECTION LIMIT -1")
            raise

    def _close(self) -> None:
        ask = (
            "SELECT datname FROM (SELECT datname, pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = :'database') ended"
        )
        deadline = time.monotonic() + _CLOSING_SECONDS
        while self.server.query(f"\\set database {self.database}\n{ask}"):
            if time.monotonic() > deadline:
                raise AgentError(
                    f"{self.database} still has connections after {_CLOSING_SECONDS} s"
                )
            time.sleep(0.2)
