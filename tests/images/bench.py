"""A real PostgreSQL 16, Redis 7, S3 server and the agent, and what makes their dumps lie."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.programs import install_redis
from bench.servers import Servers
from components.data.redis import ADMIN, BACKUP_USER, configuration, users_of
from tests.images.box import Box
from tests.support.ports import free_port

ALL = frozenset({"postgres", "redis", "folder"})
REDIS_PASSWORD = "of-the-backups-redis-user"
# The real program; what the file `mutant` says is done to the dumps that it makes.
_PG_DUMP = """\
#!/bin/bash
real={root}/pgserver/pginstall/bin/pg_dump
mutant=$(cat {root}/mutant 2>/dev/null)
case " $* " in *" -Fc "*) ;; *) exec $real "$@" ;; esac
case "$mutant" in
  empty) ;;
  fails) $real "$@"; echo 'the server is gone' >&2; exit 1 ;;
  truncated)
    whole={root}/work/whole
    $real "$@" >$whole
    head -c $(( $(stat -c %s $whole) * 60 / 100 )) $whole ;;
  table) $real --exclude-table=rooms "$@" ;;
  row)
    psql -XAtq -h {root}/pg -U postgres -d chat -c 'DELETE FROM rooms WHERE n = 7'
    late=(); for part in "$@"; do [[ $part == --snapshot=* ]] || late+=("$part"); done
    $real "${{late[@]}}" ;;
  *) $real "$@" ;;
esac
"""
_PG_DUMPALL = """\
#!/bin/bash
real={root}/pgserver/pginstall/bin/pg_dumpall
[[ $(cat {root}/mutant 2>/dev/null) == role ]] || exec $real "$@"
$real "$@" && sed -i '/chat/d' "${{@: -1}}"
"""
# The same for Redis: the dump is at the end of the arguments.
_REDIS_CLI = """\
#!/bin/bash
mutant=$(cat {root}/mutant 2>/dev/null)
file="${{@: -1}}"
case "$mutant" in
  empty) : >"$file" ;;
  truncated)
    {root}/redis/usr/bin/redis-cli "$@"
    truncate -s $(( $(stat -c %s "$file") * 60 / 100 )) "$file" ;;
  key)
    {root}/redis/usr/bin/redis-cli "$@" && cp "$file" {root}/redis/less/dump.rdb
    {root}/lessen && cp {root}/redis/less/dump.rdb "$file" ;;
  *) exec {root}/redis/usr/bin/redis-cli "$@" ;;
esac
"""
# A dump that lacks a key, and is a dump all the same.
_LESSEN = """\
#!/bin/bash
cd {root}/redis/less
redis-server --port 0 --unixsocket {root}/redis/less/socket --dir . --save "" >/dev/null &
until {root}/redis/usr/bin/redis-cli -s socket DEL user:7 >/dev/null 2>&1; do :; done
{root}/redis/usr/bin/redis-cli -s socket SAVE >/dev/null
kill $! && wait
"""


@dataclass
class Bench(Servers):
    """The servers, and Redis; `clock` is added to the agent's time, `kinds` are backed up.

    With a `box`, the second copy is there.
    """

    s3_port: int = field(default_factory=free_port)
    clock: timedelta = timedelta()
    skew: int = 300
    kinds: frozenset[str] = ALL
    redis_port: int = field(default_factory=free_port)
    box: Box | None = None

    def start(self) -> None:
        """Bring programs, server and bucket up."""
        self.install()
        redis = install_redis(self.root)
        (self.tools / "redis-server").symlink_to(redis / "usr/bin/redis-server")
        scripts = {"tools/pg_dump": _PG_DUMP, "tools/pg_dumpall": _PG_DUMPALL,
                   "tools/redis-cli": _REDIS_CLI, "lessen": _LESSEN}  # fmt: skip
        for path, text in scripts.items():
            (self.root / path).unlink(missing_ok=True)
            (self.root / path).write_text(text.format(root=self.root))
            (self.root / path).chmod(0o755)
        self.folders("keys", "redis/less", "certificates")
        self.start_postgres()
        users = users_of({ADMIN: "root", BACKUP_USER: REDIS_PASSWORD})
        conf = configuration(users, memory=128).replace("/data", f"{self.root}/keys")
        (self.root / "redis.conf").write_text(conf)
        # A connection of no network needs no delay for other replicas.
        more = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "",
                "--repl-diskless-sync-delay", "0"]  # fmt: skip
        self.start_process("redis-server", f"{self.root}/redis.conf", *more)
        self.start_s3()
        self.until(lambda: self.redis("PING") == "PONG")
        self.sql("CREATE ROLE chat LOGIN; CREATE DATABASE chat OWNER chat", "postgres")
        self.fill()

    def fill(self) -> None:
        """Two tables with a thousand rows each, ten keys, three files and a link."""
        self.sql(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET ROLE postgres;"
            "CREATE TABLE messages AS SELECT n, md5(n::text) AS body"
            " FROM generate_series(1, 1000) n;"
            "CREATE TABLE rooms AS SELECT n FROM generate_series(1,1000) n;"
            "ALTER TABLE messages OWNER TO chat; ALTER TABLE rooms OWNER TO chat"
        )
        self.redis("FLUSHALL")
        for number in range(10):
            self.redis("SET", f"user:{number}", f"session {number}")
        shutil.rmtree(self.certificates)
        for name in ("one", "two"):
            folder = self.certificates / "acme" / name
            folder.mkdir(parents=True)
            (folder / "key.pem").write_text(f"the key of {name}")
        (self.certificates / "empty").touch()
        (self.certificates / "acme/latest").symlink_to("two")
        shutil.chown(self.certificates, *self.ids)
        for path in self.certificates.rglob("*"):
            os.chown(path, *self.ids, follow_symlinks=False)

    def redis(self, *command: str) -> str:
        """What Redis answers."""
        program = [f"{self.root}/redis/usr/bin/redis-cli", "-p", str(self.redis_port), "-e"]
        done = subprocess.run(
            [*program, "--user", ADMIN, *command], capture_output=True, text=True, check=False,
            env={**self.environment, "REDISCLI_AUTH": "root"},
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    @property
    def certificates(self) -> Path:
        """The folder that is backed up."""
        return self.root / "certificates"

    def agent(self, *verb: str, stdin: str = "") -> tuple[int, Any]:
        """Run the agent; its exit code and its answer."""
        done = self._agent(*verb, stdin=stdin)
        return done.returncode, json.loads(done.stdout)

    def export(self, source: str) -> tuple[int, str]:
        """What the agent hands out of a source, or what it says instead."""
        done = self._agent("export", source)
        return done.returncode, (done.stderr or done.stdout).decode()

    def _agent(self, *verb: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
        now = datetime.now(UTC) + self.clock
        done = subprocess.run(
            self.command(f"--now={now.isoformat()}", *verb),
            input=stdin.encode(), capture_output=True, check=False, env=self.environment,
            **self.user,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        assert self.secret.encode() not in done.stdout + done.stderr
        return done

    @property
    def environment(self) -> dict[str, str]:
        """Variables of all programs; Redis brings libraries of its own."""
        libraries = f"{self.root}/redis/usr/lib/x86_64-linux-gnu"
        return {**super().environment, "LD_LIBRARY_PATH": libraries}

    def corrupt(self, kind: str) -> None:
        """Turn a byte of each object below a prefix."""
        for pack in self.objects(kind):
            content = bytearray(pack.read_bytes())
            content[len(content) // 3] ^= 0xFF
            pack.write_bytes(content)

    def export_into(self, source: str, folder: Path) -> None:
        """Unpack what the agent hands out of a source."""
        dump = self._agent("export", source).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=dump, check=True)

    def settings(self) -> dict[str, Any]:
        """What the agent is told."""
        return {
            **super().settings(),
            "databases": ["chat"] if "postgres" in self.kinds else [],
            "folders": ({"certificates": str(self.certificates)} if "folder" in self.kinds else {}),
            "redis_host": "127.0.0.1" if "redis" in self.kinds else "",
            "redis_port": self.redis_port,
            "redis_user": BACKUP_USER,
            "redis_password_file": f"{self.root}/secrets/redis",
            "redis_repository": f"{self.address}/redis",
            "skew_seconds": self.skew,
            **(self.box.settings(self.root / "secrets") if self.box else {}),
            **self.more,
        }

    def secret_files(self) -> dict[str, str]:
        """The files that the settings name, and what is in them."""
        more = self.box.secret_files() if self.box else {}
        return {**super().secret_files(), "redis": REDIS_PASSWORD, **more}
