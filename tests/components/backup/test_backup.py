"""The backup agent's container: what it is told, and that no credential shows."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.backup.backup import Backup, BackupArgs, Schedule, SecondCopy
from components.docker.container import Runtime
from components.docker.host import Host, HostArgs
from images.backup.agent.process import AgentError
from images.backup.agent.settings import Settings
from tests.support.mocks import Answer, Recorder, recording

CONTAINER = "docker:index/container:Container"
COMMAND = "command:local:Command"
GIVEN = {
    "key_id": "the-key-id",
    "key_secret": "the-key-secret",
    "password": "the-repository-password",
    "database_password": "the-database-password",
    "archive_password": "the-archive-password",
    "redis_password": "the-redis-password",
}
COPY = SecondCopy(
    to="sftp://u1@box.example.org:23/copy",
    host_key="ssh-ed25519 AAAA",
    key=pulumi.Output.secret("the-private-key"),
    at="03:30",
)
ANSWERS: dict[str, Answer] = {
    COMMAND: lambda _: {"stdout": "26.1.5"},
    "docker:index/remoteImage:RemoteImage": lambda _: {"imageId": "sha256:1"},
}


def seen(**changes: Any) -> Recorder:
    def program() -> pulumi.Output[str]:
        server = pulumi.ComponentResource("test:Server", "server")
        host = Host(
            "host",
            HostArgs(
                server=server,
                server_id="42",
                address="198.51.100.10",
                host_key="ssh-ed25519 AAAA",
                user="deploy",
            ),
        )
        values: dict[str, Any] = {
            "host": host,
            "runtime": Runtime(
                image="registry/backup:1",
                memory=1024,
                cpus=1.0,
                user="1001:1001",
                port=9187,
                networks=["data", "monitoring"],
            ),
            "work": "/mnt/data/backup-work",
            "work_target": "/var/lib/backup",
            "repository": "s3:https://s3.example.org/backups",
            "databases": ["uload", "chat"],
            "folders": {"edge-data": "/mnt/data/edge-data"},
            "keep_days": 31,
            "archive_limit": 1024,
            "authority": "the authority's certificate",
            "redis_days": 7,
            "schedule": Schedule(run_at="02:00"),
            **{name: pulumi.Output.secret(value) for name, value in GIVEN.items()},
            **changes,
        }
        return Backup("backup", BackupArgs(**values)).container_name

    with recording(ANSWERS) as (recorder, run):
        run(program)
    return recorder


def is_secret(value: object) -> bool:
    return isinstance(value, dict) and "value" in value


def written(recorder: Recorder, name: str) -> dict[str, str]:
    stdin = recorder.one(COMMAND, name).inputs["stdin"]
    # The engine encrypts in its state what reaches it in this envelope.
    packed = json.loads(stdin["value"] if is_secret(stdin) else stdin)
    return {file: base64.b64decode(content).decode() for file, content in packed.items()}


def settings(**changes: Any) -> dict[str, Any]:
    return json.loads(written(seen(**changes), "backup-config-files")["settings.json"])


def test_the_token_is_pinned() -> None:
    assert Backup.token == "manacore:backup:Backup"
    assert Backup.output_names() == ("container_name",)


def test_the_agent_is_told_everything_but_credentials() -> None:
    assert settings() == {
        "repository": "s3:https://s3.example.org/backups",
        "password_file": "/run/secrets/REPOSITORY_PASSWORD",
        "credentials_file": "/run/secrets/credentials",
        "passfile": "/run/secrets/pgpass",
        "host": "postgres",
        "port": 5432,
        "user": "backup-agent",
        "databases": ["chat", "uload"],
        "folders": {"edge-data": "/mnt/folders/edge-data"},
        "redis_host": "redis",
        "redis_port": 6379,
        "redis_user": "backup-agent",
        "redis_password_file": "/run/secrets/redis",
        "redis_repository": "s3:https://s3.example.org/backups/redis",
        "redis_keep_days": 7,
        "work": "/var/lib/backup",
        "serve_port": 9187,
        "keep_days": 31,
        "run_at": "02:00",
        "archive_user": "archive-agent",
        "archive_limit_mb": 1024,
    }


def test_the_agent_takes_what_it_is_told(tmp_path: Path) -> None:
    told = settings(schedule=Schedule(run_at="01:15", verify_at="Sat 05:30", base_at="00:45"))
    for name in ("password_file", "credentials_file", "passfile", "redis_password_file"):
        told[name] = __file__  # a file that is there
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(told))
    read = Settings.read(file)
    assert (read.run_at, read.verify_at, read.serve_port) == ("01:15", "Sat 05:30", 9187)
    assert (read.base_at, read.archive_user, read.archive_limit_mb) == (
        "00:45",
        "archive-agent",
        1024,
    )


def test_times_that_nobody_set_are_the_agents_own() -> None:
    told = settings(schedule=Schedule())
    assert not {"run_at", "verify_at", "base_at"} & told.keys()


def test_each_credential_is_in_a_file_of_its_reader() -> None:
    recorder = seen()
    assert written(recorder, "backup-secrets-files") == {
        "REPOSITORY_PASSWORD": "the-repository-password",
        "credentials": "[default]\naws_access_key_id = the-key-id\n"
        "aws_secret_access_key = the-key-secret\n",
        "pgpass": "*:*:*:backup-agent:the-database-password\n"
        "*:*:*:archive-agent:the-archive-password\n",
        "redis": "the-redis-password",
    }
    # PostgreSQL's clients refuse a password file that others can read.
    assert " 1001 0400" in recorder.one(COMMAND, "backup-secrets-files").inputs["create"]


@pytest.mark.parametrize("secret", GIVEN.values())
def test_no_credential_is_anywhere_but_in_that_input(secret: str) -> None:
    for resource in seen().resources:
        inputs = dict(resource.inputs)
        if resource.name == "backup-secrets-files":
            assert is_secret(inputs.pop("stdin"))
        assert secret not in json.dumps(inputs, default=str), resource.name


def test_the_container_publishes_nothing_and_writes_only_to_its_folder() -> None:
    inputs = seen().one(CONTAINER).inputs
    assert inputs["name"] == "backup"
    assert not inputs.get("ports")
    assert not inputs.get("command"), "the image's own command"
    assert [m["target"] for m in inputs["mounts"] if not m["readOnly"]] == ["/var/lib/backup"]
    mounted = {m["target"]: m["source"] for m in inputs["mounts"]}
    assert mounted["/mnt/folders/edge-data"] == "/mnt/data/edge-data"
    assert [n["name"] for n in inputs["networksAdvanced"]] == ["data", "monitoring"]
    assert "9187/health" in inputs["healthcheck"]["tests"][-1]


def test_the_databases_server_is_verified_by_all_of_its_clients() -> None:
    recorder = seen()
    environment = dict(line.split("=", 1) for line in recorder.one(CONTAINER).inputs["envs"])
    assert environment["PGSSLMODE"] == "verify-full"
    folder, _, file = environment["PGSSLROOTCERT"].rpartition("/")
    mounted = {m["target"]: m["source"] for m in recorder.one(CONTAINER).inputs["mounts"]}
    assert mounted[folder] == "/srv/manacore/backup"
    assert written(recorder, "backup-config-files")[file] == "the authority's certificate"


def test_other_settings_make_another_container_and_another_credential_does_not() -> None:
    def digest(**changes: Any) -> list[str]:
        return seen(**changes).one(CONTAINER).inputs["envs"]

    assert digest() == digest(password=pulumi.Output.secret("another"))
    assert digest() != digest(keep_days=32)


def test_the_second_copy_is_told_by_address_and_by_files() -> None:
    recorder = seen(second_copy=COPY)
    config = written(recorder, "backup-config-files")
    told = json.loads(config["settings.json"])
    assert {key: value for key, value in told.items() if key.startswith("copy_")} == {
        "copy_to": "sftp://u1@box.example.org:23/copy",
        "copy_key_file": "/run/secrets/copy_key",
        "copy_known_hosts": "/etc/backup/copy_known_hosts",
        "copy_at": "03:30",
    }
    assert config["copy_known_hosts"] == "[box.example.org]:23 ssh-ed25519 AAAA\n"
    assert written(recorder, "backup-secrets-files")["copy_key"] == "the-private-key\n"


def test_a_server_at_the_usual_port_is_known_by_its_name_alone() -> None:
    copy = dataclasses.replace(COPY, to="sftp://u1@box.example.org:22/copy")
    config = written(seen(second_copy=copy), "backup-config-files")
    assert config["copy_known_hosts"] == "box.example.org ssh-ed25519 AAAA\n"


def test_the_private_key_is_nowhere_but_in_the_secret_files() -> None:
    for resource in seen(second_copy=COPY).resources:
        inputs = dict(resource.inputs)
        if resource.name == "backup-secrets-files":
            assert is_secret(inputs.pop("stdin"))
        assert "the-private-key" not in json.dumps(inputs, default=str), resource.name


def test_the_agent_takes_what_it_is_told_of_the_copy(tmp_path: Path) -> None:
    told = settings(second_copy=COPY)
    file = tmp_path / "settings.json"
    for name in ("password_file", "credentials_file", "passfile", "redis_password_file"):
        told[name] = __file__  # a file that is there
    file.write_text(json.dumps(told))
    with pytest.raises(AgentError, match="copy_key_file: /run/secrets/copy_key is missing"):
        Settings.read(file)
    file.write_text(json.dumps({**told, "copy_key_file": __file__, "copy_known_hosts": __file__}))
    assert Settings.read(file).copy_at == "03:30"
