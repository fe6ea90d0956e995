"""The role that the program gives the agent is enough for it, and is no more, on a real server."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from bench.servers import ServersError
from components.data.postgres import ARCHIVE_ROLE, BACKUP_ROLE, roles
from tests.images.bench import Bench

pytestmark = [pytest.mark.local, pytest.mark.full]


class RoleBench(Bench):
    """The servers, with the agent under its own role."""

    def settings(self) -> dict[str, Any]:
        """What the agent is told."""
        return {**super().settings(), "user": BACKUP_ROLE}

    def as_owner(self, text: str) -> str:
        """What a query of the database's owner answers."""
        return self.sql(f"SET SESSION AUTHORIZATION chat; {text}")

    def connect(self) -> None:
        """A service's session, which works until somebody ends it."""
        session = ["-U", "chat", "-d", "chat", "-c", "SELECT pg_sleep(600)"]
        self.start_process("psql", *self.psql_options, *session)
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        self.until(lambda: self.sql(sleeping) == "1")


@pytest.fixture(scope="module")
def bench() -> Generator[RoleBench]:
    """A database as the program makes it, with rows of its owner."""
    with tempfile.TemporaryDirectory(prefix="manacore-backup-") as folder:
        found = RoleBench(Path(folder), kinds=frozenset({"postgres"}))
        try:
            found.start()
            found.empty_bucket()
            made = roles(
                {"chat": "one", "other": "two", BACKUP_ROLE: "three", ARCHIVE_ROLE: "four"}
            )
            found.sql(made, "postgres")
            found.sql(made, "postgres")  # as each `up` that changes something does
            found.sql(
                "ALTER SCHEMA public OWNER TO pg_database_owner; SET ROLE chat;"
                "CREATE TABLE ids (id bigserial, name text); INSERT INTO ids (name) VALUES ('a');"
                "CREATE VIEW names AS SELECT name FROM ids"
            )
            yield found
        finally:
            found.close()


def test_what_the_role_backed_up_it_brings_back_in_its_owners_name(bench: RoleBench) -> None:
    code, told = bench.agent("run")
    assert code == 0, told
    bench.sql("SET ROLE chat; DELETE FROM messages; DELETE FROM ids")
    bench.connect()

    code, told = bench.agent("restore", "postgres/chat")

    assert code == 0, told
    assert bench.as_owner("SELECT count(*) FROM messages") == "1000"
    assert bench.as_owner("INSERT INTO ids (name) VALUES ('b') RETURNING id") == "2"
    assert bench.as_owner("CREATE TABLE later (n int); DROP TABLE later") == ""
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert bench.sql(owners) == "chat"
    kept = bench.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname ~ '_before_'")
    assert kept == "chat"


def test_what_a_killed_restore_left_goes_with_the_next_one(bench: RoleBench) -> None:
    for name in ("chat_restored_20260101000000", "chat_restored_by_hand"):
        bench.sql(f"CREATE DATABASE {name} OWNER chat", "postgres")

    code, told = bench.agent("restore", "postgres/chat")

    assert code == 0, told
    left = "SELECT datname FROM pg_database WHERE datname ~ '_restored_'"
    assert bench.sql(left) == "chat_restored_by_hand"
    bench.sql("DROP DATABASE chat_restored_by_hand", "postgres")


def test_a_proof_needs_no_more(bench: RoleBench) -> None:
    code, told = bench.agent("verify")
    assert code == 0, told


@pytest.mark.parametrize(
    "forbidden",
    [
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE ROLE another",
        "ALTER ROLE postgres PASSWORD 'x'",
    ],
)
def test_the_role_reaches_nothing_of_the_server(bench: RoleBench, forbidden: str) -> None:
    with pytest.raises(ServersError, match="permission denied"):
        bench.sql(f'SET SESSION AUTHORIZATION "{BACKUP_ROLE}"; {forbidden}')
