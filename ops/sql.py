"""SQL as the superuser, in the container of the databases' server."""

from __future__ import annotations

from ops.release.server import Server


def sql(server: Server, text: str, database: str = "postgres") -> str:
    """What a server's PostgreSQL answers, a row a line; raises `OpsError`."""
    psql = ["psql", "-U", "postgres", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1"]
    return server.run("postgres", psql, text).strip()
