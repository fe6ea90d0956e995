"""A rehearsal of migrations: on restored copies, and the old versions on what becomes of them.

After the switch a rollback puts the old version on a migrated database: here that is tried first.
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.agent import Agent
from ops.failures import OpsError
from ops.release.change import Change
from ops.release.clone import Clone
from ops.release.site import Site
from ops.sql import sql
from stacks.ledger import Slot


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Rehearses the migrations of a change, one service after the other."""

    site: Site
    change: Change

    @property
    def services(self) -> list[str]:
        """Those that have a migration."""
        return [one for one in self.change.images if self.site.catalog[one].migrate]

    @property
    def memory(self) -> int:
        """What its container takes beside all others, in MiB."""
        return max((self.site.catalog[one].memory for one in self.services), default=0)

    def run(self, service: str) -> None:
        """Rehearse one, on a copy of the latest good backup, which is gone afterwards.

        Raises `OpsError` when the new version's migration fails on it, or the old version does not
        work on it then.
        """
        entry, ledger = self.site.catalog[service], self.change.ledger
        copy = f"{entry.database}_rehearsal"
        agent = Agent.among(self.site.outputs, self.site.target.stack)
        self._drop(copy)
        try:
            agent.ask("restore", f"postgres/{entry.database}", "--beside", copy)
            new, old = self.change.slots[service], ledger[service].live
            self._refuse(
                f"{service}: the migration fails on a copy of its database:",
                self._clone(service, new, copy, entry.migrate),
            )
            self._refuse(
                f"{service}: the version that is live does not work on a migrated copy of its"
                " database, so there would be no way back:",
                self._clone(service, old, copy),
            )
        finally:
            self._drop(copy)

    def _clone(
        self, service: str, slot: Slot, database: str, command: tuple[str, ...] = ()
    ) -> list[str]:
        entry = self.site.catalog[service]
        clone = Clone(
            name=f"rehearsal-{service}",
            like=f"{service}-{slot}",
            database=database,
            command=command,
            port=entry.port,
            path=entry.health,
        )
        return clone.failure(self.site.server_of(service))

    def _drop(self, database: str) -> None:
        text = f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE);'
        sql(self.site.server_of("postgres"), text)

    @staticmethod
    def _refuse(what: str, said: list[str]) -> None:
        if said:
            raise OpsError(what, said)
