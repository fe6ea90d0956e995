"""The roles and databases that PostgreSQL is asked for."""

from __future__ import annotations

from components.data.postgres import ARCHIVE_ROLE, BACKUP_ROLE, roles

SQL = roles({"chat": "one", "uload": "it's", BACKUP_ROLE: "three", ARCHIVE_ROLE: "four"})


def test_every_database_has_an_owner_without_rights() -> None:
    assert "ALTER ROLE \"chat\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD 'one';" in SQL
    assert 'CREATE DATABASE "chat" OWNER "chat"' in SQL
    assert 'REVOKE ALL ON DATABASE "chat" FROM PUBLIC;' in SQL


def test_a_quote_in_a_password_stays_inside_it() -> None:
    assert "PASSWORD 'it''s';" in SQL


def test_the_backup_has_a_role_that_is_no_superuser_and_no_database() -> None:
    made = 'ALTER ROLE "backup-agent" LOGIN NOSUPERUSER CREATEDB NOCREATEROLE PASSWORD'
    assert made in SQL
    assert 'CREATE DATABASE "backup-agent"' not in SQL
    assert 'GRANT "pg_read_all_data", "chat", "uload" TO "backup-agent";' in SQL


def test_the_archive_has_a_role_that_reads_the_log_and_makes_nothing() -> None:
    made = 'ALTER ROLE "archive-agent" LOGIN NOSUPERUSER NOCREATEDB REPLICATION NOCREATEROLE'
    assert made in SQL
    assert SQL.count('TO "archive-agent"') == 1, "to end a segment"


def test_roles_are_granted_once_they_exist() -> None:
    assert SQL.index("GRANT") > SQL.index('CREATE ROLE "uload"')
