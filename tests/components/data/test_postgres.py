"""PostgreSQL: the roles and databases that it is asked for, and who reaches it how."""

from __future__ import annotations

import base64
import json
from ipaddress import ip_network
from typing import Any

import pulumi

from components.data.postgres import (
    ARCHIVE_ROLE,
    BACKUP_ROLE,
    Postgres,
    PostgresArgs,
    hba,
    roles,
)
from components.docker.container import Runtime
from components.docker.host import Host, HostArgs
from tests.support.mocks import Answer, Recorder, recording

CONTAINER = "docker:index/container:Container"
COMMAND = "command:local:Command"
ANSWERS: dict[str, Answer] = {
    COMMAND: lambda _: {"stdout": "26.1.5"},
    "docker:index/remoteImage:RemoteImage": lambda _: {"imageId": "sha256:1"},
}

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


def seen() -> Recorder:
    def program() -> pulumi.Output[str]:
        host = Host(
            "host",
            HostArgs(
                server=pulumi.ComponentResource("test:Server", "server"),
                server_id="42",
                address="198.51.100.10",
                host_key="ssh-ed25519 AAAA",
                user="deploy",
            ),
        )
        args = PostgresArgs(
            host=host,
            runtime=Runtime(
                image="postgres:16", memory=2048, cpus=1.0, user="999:999", port=5432,
                networks=["data"],
            ),
            data="/mnt/data/postgres",
            path="/var/lib/postgresql/data",
            superuser_password=pulumi.Output.secret("of-all"),
            databases={"chat": pulumi.Output.secret("of-chat")},
            backup_password=pulumi.Output.secret("of-the-backup"),
            archive_password=pulumi.Output.secret("of-the-archive"),
            certificate="the certificate",
            key=pulumi.Output.secret("the key"),
            log_keep=1024,
        )  # fmt: skip
        return Postgres("postgres", args).container_name

    with recording(ANSWERS) as (recorder, run):
        run(program)
    return recorder


def written(recorder: Recorder, name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The files of one `Files`, and all inputs of what writes them."""
    inputs = recorder.one(COMMAND, name).inputs
    stdin = inputs["stdin"]
    packed = json.loads(stdin if isinstance(stdin, str) else stdin["value"])
    return {file: base64.b64decode(text).decode() for file, text in packed.items()}, inputs


def test_nothing_but_the_loopback_goes_without_tls() -> None:
    local, *lines = [line.split() for line in hba(plain=False).splitlines()]
    assert local == ["local", "all", "all", "trust"]
    assert {line[0] for line in lines} == {"host", "hostssl"}
    for kind, _, _, where, method in lines:
        assert method == "scram-sha-256"
        assert kind == "hostssl" or ip_network(where).is_loopback, where


def test_only_the_archive_may_replicate() -> None:
    lines = [line.split() for line in hba(plain=False).splitlines()]
    replicating = [line for line in lines if line[1] == "replication"]
    assert replicating == [
        ["hostssl", "replication", f'"{ARCHIVE_ROLE}"', "samenet", "scram-sha-256"]
    ]


def test_for_older_versions_the_network_may_do_without_and_says_its_password() -> None:
    lines = [line.split() for line in hba(plain=True).splitlines()]
    assert {line[0] for line in lines} == {"local", "host"}
    assert [line[-1] for line in lines if line[0] == "host"] == ["scram-sha-256"] * 4


def test_the_key_is_a_file_of_the_server_alone_and_a_change_of_it_is_told() -> None:
    recorder = seen()
    secrets, inputs = written(recorder, "postgres-secrets-files")
    assert secrets == {
        "POSTGRES_PASSWORD": "of-all",
        "server.crt": "the certificate",
        "server.key": "the key",
    }
    assert isinstance(inputs["stdin"], dict), "encrypted in the state"
    assert " 999 0400" in inputs["create"], "PostgreSQL refuses a key that others can read"
    assert "docker kill -s HUP postgres" in inputs["create"]

    container = recorder.one(CONTAINER).inputs
    options = dict(part.split("=", 1) for part in container["command"] if "=" in part)
    mounted = {m["source"]: m["target"] for m in container["mounts"]}
    place = mounted["/srv/manacore/secrets/postgres"]
    assert options["ssl"] == "on"
    assert options["ssl_min_protocol_version"] == "TLSv1.3"
    assert options["ssl_cert_file"] == f"{place}/server.crt"
    assert options["ssl_key_file"] == f"{place}/server.key"
    assert "the key" not in json.dumps(container, default=str)


def test_another_folder_is_another_cluster_which_needs_its_roles_and_databases() -> None:
    recorder = seen()
    (data,) = (
        mount for mount in recorder.one(CONTAINER).inputs["mounts"] if not mount.get("readOnly")
    )
    assert (data["source"], data["target"]) == ("/mnt/data/postgres", "/var/lib/postgresql/data")
    assert recorder.one(COMMAND, "postgres-databases").inputs["triggers"] == [data["source"]]
