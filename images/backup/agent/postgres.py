"""A PostgreSQL server: dumps, and counts that are of the very snapshot that was dumped."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .manifest import Manifest
from .process import AgentError, Programs, Take
from .room import refuse_without

_TABLES = """\
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', n.nspname || '.' || c.relname,
              n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
ORDER BY 1"""
_FACTS = """\
SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,
       current_setting('server_version'), pg_database_size(oid)
FROM pg_database WHERE datname = current_database()"""
_SIZES = """\
SELECT datname, pg_database_size(oid) FROM pg_database
WHERE has_database_privilege(oid, 'CONNECT')"""
_END = "end-of-answer"
# So many tables at once; the server has more to do than this.
_JOBS = 2


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server at `host` (or in the socket folder `host`); its password is in a file."""

    host: str
    port: int
    user: str
    programs: Programs = field(default_factory=Programs)

    @property
    def options(self) -> list[str]:
        """How clients reach it; they never ask for a password."""
        return ["-w", "-h", self.host, "-p", str(self.port), "-U", self.user]

    def ready(self) -> bool:
        """Whether it lets clients in by now."""
        try:
            self.programs.run(["pg_isready", "-q", "-h", self.host, "-p", str(self.port)])
        except AgentError:
            return False
        return True

    def query(self, text: str, database: str = "postgres") -> str:
        """What a query answers, a row a line; raises `AgentError`."""
        return self.programs.run(self._psql(database), stdin=text).strip()

    def dump(self, database: str, source: str, take: Take) -> Manifest:
        """Give a database's dump to `take`; its manifest as `source`'s. Raises `AgentError`."""
        with self._session(database) as session:
            snapshot = session.ask("SELECT pg_export_snapshot()")[0]
            # psql counts while pg_dump reads: both see what was there at the same moment.
            session.count()
            same = ["pg_dump", *self.options, f"--snapshot={snapshot}", "-d", database]
            # Not compressed: the repository does it, after it has left out what it has already.
            size = take([*same, "-Fc", "-Z0"], self.programs)
            schema = self.programs.run([*same, "--schema-only"])
            rows = session.counted()
            owner, encoding, collation, version, occupied = session.ask(_FACTS)[0].split("|")
        return Manifest(
            source=source,
            version=version,
            counts=rows,
            facts={
                "owner": owner,
                "encoding": encoding,
                "collation": collation,
                "schema": schema_digest(schema),
            },
            size=size,
            occupied=int(occupied),
        )

    def databases(self) -> list[str]:
        """The names of all databases; raises `AgentError`."""
        return self.query("SELECT datname FROM pg_database").splitlines()

    def sizes(self) -> dict[str, int]:
        """The bytes of disk that each database takes which this role may enter."""
        lines = (line.rpartition("|") for line in self.query(_SIZES).splitlines())
        return {name: int(size) for name, _, size in lines}

    def load(self, manifest: Manifest, dump: Path, name: str) -> None:
        """Make a database from a dump, closed to all but its owner; raises `AgentError`.

        The server is on the volume of the dump, and has to have room there.
        """
        refuse_without(dump.parent, max(manifest.occupied, manifest.size), f"a copy of {name}")
        roles = self.query("SELECT rolname FROM pg_roles").splitlines()
        facts = manifest.facts
        if facts["owner"] not in roles:
            raise AgentError(f"the role {facts['owner']}, owner of {name}, does not exist")
        collation = _literal(facts["collation"])
        self.query(
            f"CREATE DATABASE {quoted(name)} TEMPLATE template0 OWNER {quoted(facts['owner'])} "
            f"ENCODING {_literal(facts['encoding'])} LC_COLLATE {collation} "
            f"LC_CTYPE {collation};\n"
            f"REVOKE ALL ON DATABASE {quoted(name)} FROM PUBLIC"
        )
        command = [
            "pg_restore", *self.options, "--exit-on-error", f"--jobs={_JOBS}", "-d", name, str(dump)
        ]  # fmt: skip
        self.programs.run(command)

    def counts(self, database: str) -> dict[str, int]:
        """The rows of each table, at one moment; raises `AgentError`."""
        with self._session(database) as session:
            session.count()
            return session.counted()

    def differences(self, manifest: Manifest, name: str) -> list[str]:
        """In what a restored database differs from its manifest; raises `AgentError`."""
        with self._session(name) as session:
            session.count()
            schema = self.programs.run(["pg_dump", *self.options, "--schema-only", "-d", name])
            rows = session.counted()
        found = [f"table {table} is missing" for table in manifest.counts if table not in rows]
        found += [
            f"table {table} is not in the manifest" for table in rows.keys() - manifest.counts
        ]
        found += [
            f"table {table} has {rows[table]} rows instead of {wanted}"
            for table, wanted in manifest.counts.items()
            if table in rows and rows[table] != wanted
        ]
        if not found and schema_digest(schema) != manifest.facts["schema"]:
            found.append("the schema is not the one that was dumped")
        return found

    def _psql(self, database: str) -> list[str]:
        return ["psql", *self.options, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database]

    @contextmanager
    def _session(self, database: str) -> Generator[_Session]:
        """One transaction that sees one snapshot, open for as long as the block lasts."""
        with subprocess.Popen(
            self._psql(database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.programs.environment,
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise AgentError("psql has no pipes")
            session = _Session(process.stdin, process.stdout)
            try:
                session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield session
            except BaseException:
                # It would go on with its query, and be waited for: a count can take minutes.
                process.kill()
                raise
            finally:
                # To one that ended, the rest of a question cannot be written any more.
                with suppress(BrokenPipeError):
                    process.stdin.close()


@dataclass(frozen=True)
class _Session:
    to: IO[str]
    answers: IO[str]

    def ask(self, query: str) -> list[str]:
        """The rows of an answer; raises `AgentError` when psql ended instead."""
        self._tell(f"{query};")
        return self._answer()

    def count(self) -> None:
        """Let psql count the rows of each table, for as long as it takes; `counted` waits."""
        # Each row of the answer is a query. One text however many tables: the pipe takes it whole.
        self._tell(f"{_TABLES} \\gexec")

    def counted(self) -> dict[str, int]:
        """The rows of each table; a partitioned table has them in its partitions."""
        return {name: int(n) for name, _, n in (line.rpartition("|") for line in self._answer())}

    def _tell(self, text: str) -> None:
        try:
            self.to.write(f"{text}\n\\echo {_END}\n")
            self.to.flush()
        except BrokenPipeError:
            raise AgentError(f"psql ended: {self.answers.read().strip()}") from None

    def _answer(self) -> list[str]:
        rows: list[str] = []
        for line in self.answers:
            if line.strip() == _END:
                return rows
            rows.append(line.rstrip("\n"))
        raise AgentError("psql ended: " + "; ".join(rows))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quoted(text: str) -> str:
    """A name as SQL writes it."""
    return '"' + text.replace('"', '""') + '"'


def schema_digest(dump: str) -> str:
    """The digest of a schema-only dump, without what differs between two dumps of the same."""
    lines = [
        line
        for line in dump.splitlines()
        # Comments name versions; newer clients write a random word with \restrict.
        if line.strip() and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_"))
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
