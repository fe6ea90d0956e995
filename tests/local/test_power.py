"""The database under writes without end: what it acknowledged outlives a kill and a power cut."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcloud.home import Home
from localcloud.images.postgres_release import POSTGRES
from localcloud.images.sources import Sources
from localcloud.processes import wait_until
from ops import ssh
from tests.local.platform import Answer, Platform, Remote, hetzner, shell
from tests.support.ports import free_port

pytestmark = [pytest.mark.local, pytest.mark.full]

STAGING = Platform()
NAME = "acknowledged"
CLIENTS = 4
# A client's rows are numbered from 1 on, without a gap.
SCRIPT = f"\\set n :n + 1\nINSERT INTO {NAME} VALUES (:client_id, :n);\n"


def killed(run: Remote) -> None:
    """The database ends in the middle of whatever it does; Docker starts it again."""
    run("sudo kill -KILL $(docker inspect --format '{{.State.Pid}}' postgres)")


def powered_off(_run: Remote) -> None:
    """The host ends in the middle of whatever it does, and is started again."""
    (server,) = hetzner("servers")
    for order, status in (("poweroff", "off"), ("poweron", "running")):
        hetzner(f"servers/{server['id']}/actions/{order}", "POST")
        assert wait_until(lambda s=status: hetzner("servers")[0]["status"] == s, timeout=120)


@pytest.mark.parametrize("fault", [killed, powered_off])
def test_no_commit_that_was_acknowledged_is_lost(
    fault: Callable[[Remote], None], tmp_path: Path
) -> None:
    STAGING.up()
    server = STAGING.outputs()["servers"]["main"]
    run = shell(server)

    with database(run) as password, tunnel(server, run) as port:
        writers = writing(tmp_path, port, password)
        assert wait_until(lambda: rows(run) > 500, timeout=60, every=1)
        backup = subprocess.Popen(
            ["./manacore", "backup", "run", "--stack", STAGING.stack, "--local"],
            cwd=STAGING.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert wait_until(lambda: "pg_dump" in run("docker top backup"), timeout=60, every=0.2)
        assert writers.poll() is None
        fault(run)
        writers.wait(timeout=120)
        backup.wait(timeout=600)
        assert wait_until(healthy, timeout=300, every=2)

        acknowledged = told(tmp_path)
        there = {tuple(row.split("|")) for row in sql(run, f"SELECT * FROM {NAME}").splitlines()}  # noqa: S608
        print(f"\n{fault.__name__}: {len(acknowledged)} acknowledged, {len(there)} there")  # noqa: T201
        assert len(acknowledged) > 500
        assert acknowledged <= there
    # What was cut off is begun anew.
    STAGING.manacore("backup", "run")


def told(folder: Path) -> set[tuple[str, ...]]:
    """The rows whose transactions pgbench has logged, which it does when they are committed."""
    found: set[tuple[str, ...]] = set()
    for file in folder.glob("log.*"):
        clients = [line.split()[0] for line in file.read_text().splitlines()]
        for client in set(clients):
            found |= {(client, str(n)) for n in range(1, clients.count(client) + 1)}
    return found


def sql(run: Remote, query: str, of: str = NAME) -> str:
    return run(f'docker exec postgres psql -U postgres -d {of} -Atqc "{query}"')


def rows(run: Remote) -> int:
    return int(sql(run, f"SELECT count(*) FROM {NAME}"))  # noqa: S608 - our own name


def healthy() -> bool:
    return STAGING.attempt("status").returncode == 0


@contextmanager
def database(run: Remote) -> Generator[str]:
    """A database of its own with a table for the rows; its password."""
    password = secrets.token_hex(16)
    for query, of in (
        (f"CREATE ROLE {NAME} LOGIN PASSWORD '{password}'", "postgres"),
        (f"CREATE DATABASE {NAME} OWNER {NAME}", "postgres"),
        (f"CREATE TABLE {NAME} (client int, n int, PRIMARY KEY (client, n))", NAME),
        (f"ALTER TABLE {NAME} OWNER TO {NAME}", NAME),
    ):
        sql(run, query, of)
    try:
        yield password
    finally:
        sql(run, f"DROP DATABASE {NAME} WITH (FORCE)", "postgres")
        sql(run, f"DROP ROLE {NAME}", "postgres")


@contextmanager
def tunnel(server: Answer, run: Remote) -> Generator[int]:
    """A port here that is the database's: it is in no network that one could reach."""
    address = run(
        "docker inspect --format '{{.NetworkSettings.Networks.data.IPAddress}}' postgres"
    ).strip()
    port = free_port()
    forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:{port}:{address}:5432"]
    process = subprocess.Popen(
        ["ssh", *map(str, server["ssh_options"]), *forward, ssh.address(server)]
    )
    try:
        assert wait_until(lambda: answers(port), timeout=30)
        yield port
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def writing(folder: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    """pgbench, which writes rows until the database is gone; it logs what was committed."""
    programs = Sources(Home.from_environment().images / "sources").postgres_clients()
    (folder / "script.sql").write_text(SCRIPT)
    return subprocess.Popen(
        [
            str(programs / POSTGRES.programs / "pgbench"),
            "--no-vacuum", f"--client={CLIENTS}", "--rate=200", "--time=900", "--define=n=0",
            f"--file={folder}/script.sql", "--log", f"--log-prefix={folder}/log",
            "--host=127.0.0.1", f"--port={port}", f"--username={NAME}", NAME,
        ],
        env={**os.environ, "PGPASSWORD": password},
    )  # fmt: skip
