"""Rows that a drill knows, and the digest of every table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.release.server import Server
from ops.sql import sql

# The sum of the rows' hashes does not depend on their order, and needs no memory for them.
_TABLES = """\
SELECT format(
    'SELECT %L, count(*), coalesce(sum(hashtextextended(the_row::text, 0)::numeric), 0)'
    ' FROM ONLY %I.%I the_row', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
ORDER BY 1
\\gexec
"""


@dataclass(frozen=True, kw_only=True)
class Table:
    """How many rows a table has, and a digest of all of them."""

    rows: int
    digest: str


# By database and table: `chat.public.items`.
Tables = Mapping[str, Table]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The databases of a server; `mark` tells the drill's own rows from others.

    The rows are in `items`, which every service's database has on the local cloud.
    """

    server: Server
    databases: Sequence[str]
    mark: str

    def write(self, count: int) -> int:
        """Write rows in every database, each acknowledged; how many they are in all."""
        for database in self.databases:
            self._sql(
                database,
                f"INSERT INTO items (content) SELECT jsonb_build_object('drill', '{self.mark}',"  # noqa: S608 - our own mark
                f" 'n', n) FROM generate_series(1, {count}) n;",
            )
        return count * len(self.databases)

    def count(self) -> int:
        """How many of them there are."""
        return sum(
            int(self._sql(name, f"SELECT count(*) FROM items WHERE {self._ours};"))  # noqa: S608 - our own mark
            for name in self.databases
        )

    def newest(self) -> datetime | None:
        """When the newest of them was written, by the server's clock; None when none is there."""
        ask = f"SELECT to_json(max(created_at)) FROM items WHERE {self._ours};"  # noqa: S608 - our own mark
        told = [self._sql(name, ask) for name in self.databases]
        return max((datetime.fromisoformat(json.loads(t)) for t in told if t), default=None)

    def now(self) -> datetime:
        """The server's time."""
        told = self._sql("postgres", "SELECT to_json(clock_timestamp());")
        return datetime.fromisoformat(json.loads(told))

    def tables(self) -> dict[str, Table]:
        """Every table of every database."""
        return {
            f"{database}.{name}": Table(rows=int(rows), digest=digest)
            for database in self.databases
            for name, rows, digest in (
                line.rsplit("|", 2) for line in self._sql(database, _TABLES).splitlines()
            )
        }

    def remove(self) -> None:
        """Take them out again."""
        for database in self.databases:
            self._sql(database, f"DELETE FROM items WHERE {self._ours};")  # noqa: S608 - our own mark

    def drop(self, databases: Sequence[str]) -> None:
        """Drop databases that a restore has replaced."""
        for name in databases:
            self._sql("postgres", f'DROP DATABASE "{name}" WITH (FORCE);')

    @property
    def _ours(self) -> str:
        return f"content->>'drill' = '{self.mark}'"

    def _sql(self, database: str, text: str) -> str:
        return sql(self.server, text, database)


def differing(before: Sequence[Tables], after: Tables) -> list[str]:
    """The tables that are as they were at none of the times `before`, with all counts."""

    def told(table: Table | None) -> str:
        return f"{table.rows} rows" if table else "no table"

    return [
        f"{name}: {' or '.join(dict.fromkeys(told(one.get(name)) for one in before))} before, "
        f"{told(after.get(name))} after"
        for name in sorted({*after}.union(*before))
        if after.get(name) not in [one.get(name) for one in before]
    ]
