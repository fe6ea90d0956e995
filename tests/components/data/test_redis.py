"""What Redis is told of its users, and that no password could be read off."""

from __future__ import annotations

import base64
import hashlib
import json

import pulumi

from catalog.catalog import REDIS_TAKEN
from components.data.redis import (
    ADMIN,
    BACKUP_USER,
    DEFAULT_USER,
    Redis,
    RedisArgs,
    configuration,
    users_of,
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
PASSWORDS = {
    ADMIN: "of the admin",
    BACKUP_USER: "of the backup",
    DEFAULT_USER: "of the one service",
    "uload-web": "of the other",
}
USERS = users_of(PASSWORDS)


def rules(users: str) -> dict[str, list[str]]:
    """What each user may."""
    return {line.split()[0]: line.split()[1:] for line in users.splitlines()}


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
        args = RedisArgs(
            host=host,
            runtime=Runtime(
                image="redis:7", memory=256, cpus=0.25, user="999:999", port=6379,
                networks=["data"],
            ),
            data="/mnt/data/redis",
            admin_password=pulumi.Output.secret(PASSWORDS[ADMIN]),
            backup_password=pulumi.Output.secret(PASSWORDS[BACKUP_USER]),
            users={
                name: pulumi.Output.secret(PASSWORDS[name]) for name in (DEFAULT_USER, "uload-web")
            },
        )  # fmt: skip
        return Redis("redis", args).container_name

    with recording(ANSWERS) as (recorder, run):
        run(program)
    return recorder


def test_every_user_is_given_by_its_passwords_digest_alone() -> None:
    for name, password in PASSWORDS.items():
        assert rules(USERS)[name][:2] == ["reset", "on"]
        assert rules(USERS)[name][-1] == "#" + hashlib.sha256(password.encode()).hexdigest()
        assert password not in USERS


def test_the_backups_user_reads_and_writes_no_key_by_itself() -> None:
    allowed = {part for part in rules(USERS)[BACKUP_USER] if part.startswith("+")}
    assert not allowed & {"+get", "+set", "+del", "+keys", "+flushall", "+config", "+eval", "+acl"}
    assert not any("@" in right for right in allowed), "no whole category"


def test_services_have_the_same_rights_and_only_the_admin_has_all() -> None:
    given = {name: rule[2:-1] for name, rule in rules(USERS).items()}
    assert given[DEFAULT_USER] == given["uload-web"]
    assert given["uload-web"] == ["~*", "&*", "+@all", "-@admin", "-@dangerous", "+info"]
    assert given[ADMIN] == ["~*", "&*", "+@all"]


def test_nobody_is_let_in_without_a_password() -> None:
    without = users_of({ADMIN: "of the admin", BACKUP_USER: "of the backup"})
    assert rules(without)[DEFAULT_USER] == ["reset"], "off, without a right"
    assert "nopass" not in USERS + without


def test_the_admin_is_changed_last_as_all_others_are_by_it() -> None:
    assert list(rules(USERS))[-1] == ADMIN


def test_no_service_can_have_a_name_that_is_taken() -> None:
    assert {ADMIN, BACKUP_USER, DEFAULT_USER} == REDIS_TAKEN


def test_the_configuration_has_the_users_for_the_next_start() -> None:
    lines = configuration(USERS, 256).splitlines()
    assert [line for line in lines if line.startswith("user ")] == [
        f"user {line}" for line in USERS.splitlines()
    ]
    assert "maxmemory 192mb" in lines, "a quarter of the memory is left"
    assert not any(line.startswith("requirepass") for line in lines)


def test_a_server_that_runs_is_told_by_standard_input() -> None:
    recorder = seen()
    told = recorder.one(COMMAND, "redis-user").inputs
    assert told["stdin"]["value"] == USERS
    assert "docker exec -i redis " in told["create"]
    assert told["create"] == told["update"]


def test_no_password_is_anywhere_but_in_the_files_of_the_server() -> None:
    for resource in seen().resources:
        inputs = dict(resource.inputs)
        if resource.name == "redis-secrets-files":
            packed = json.loads(inputs.pop("stdin")["value"])
            files = {name: base64.b64decode(text).decode() for name, text in packed.items()}
            assert files == {
                "REDIS_PASSWORD": PASSWORDS[ADMIN],
                "redis.conf": configuration(USERS, 256),
            }
        text = json.dumps(inputs, default=str)
        assert not [password for password in PASSWORDS.values() if password in text], resource.name


def test_other_users_make_no_other_container() -> None:
    container = json.dumps(seen().one(CONTAINER).inputs, default=str)
    assert not [name for name in ("uload-web", BACKUP_USER, DEFAULT_USER) if name in container]
