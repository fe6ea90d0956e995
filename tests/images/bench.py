"""A real PostgreSQL 16, Redis 7, S3 server and the agent, all as one unprivileged user."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from components.data.redis import BACKUP_USER, configuration
from localcloud.home import Home
from localcloud.images.base import BASE_PACKAGES, REDIS_PACKAGES, STABLE
from localcloud.images.sources import POSTGRES_CLIENTS, POSTGRES_SERVER, Sources
from localcloud.objects.store import VERSITYGW
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
NOBODY = 65534
BUCKET = "backups"
ALL = frozenset({"postgres", "redis", "folder"})
READY_SECONDS = 30
CLIENTS = (
    "psql", "pg_isready", "pg_restore", "pg_basebackup", "pg_receivewal", "pg_verifybackup",
    "pgbench",
)  # fmt: skip
REDIS_PASSWORD = "of-the-backups-redis-user"
# The real program; what the file `mutant` says is done to the dumps that it makes.
_PG_DUMP = """\
#!/bin/bash
real={root}/pgserver/pginstall/bin/pg_dump
mutant=$(cat {root}/mutant 2>/dev/null)
case " $* " in *" -Fc "*) ;; *) exec $real "$@" ;; esac
file="${{@: -1}}"
case "$mutant" in
  empty) : >"$file" ;;
  truncated) $real "$@" && truncate -s $(( $(stat -c %s "$file") * 60 / 100 )) "$file" ;;
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
class Bench:
    """Everything below `root`; `clock` is added to the agent's time, `kinds` are backed up.

    `options` are the server's settings, `more` those of the agent.
    """

    root: Path
    key: str = "correct-key"
    clock: timedelta = timedelta()
    skew: int = 300
    options: Sequence[str] = ()
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    kinds: frozenset[str] = ALL
    s3_port: int = field(default_factory=free_port)
    redis_port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def start(self) -> None:
        """Bring programs, server and bucket up."""
        sources = Sources(Home.from_environment().images / "sources")
        server, clients = sources.postgres_server(), sources.wheel(POSTGRES_CLIENTS)
        assert "16" in POSTGRES_SERVER
        self.root.chmod(0o755)
        shutil.copytree(server, self.root / "server", symlinks=True)
        shutil.copytree(clients / "pgserver", self.root / "pgserver")
        shutil.copytree(clients / "pgserver.libs", self.root / "pgserver.libs")
        shutil.copytree(ROOT / "images/backup/agent", self.root / "code/agent")
        tools = self.root / "tools"
        tools.mkdir()
        restic = sources.debian("trixie", ["restic"])["restic"]
        subprocess.run(["dpkg-deb", "--extract", str(restic), str(self.root / "deb")], check=True)
        shutil.copy(self.root / "deb/usr/bin/restic", tools)
        rclone = sources.debian("trixie", ["rclone"])["rclone"]
        subprocess.run(["dpkg-deb", "--extract", str(rclone), str(self.root / "deb")], check=True)
        shutil.copy(self.root / "deb/usr/bin/rclone", tools)
        shutil.copy(sources.go(VERSITYGW), tools)
        for name in CLIENTS:
            (tools / name).symlink_to(self.root / "pgserver/pginstall/bin" / name)
        found = sources.debian(STABLE, sorted({*BASE_PACKAGES, *REDIS_PACKAGES}))
        for name in REDIS_PACKAGES:
            extract = ["dpkg-deb", "--extract", str(found[name]), str(self.root / "redis")]
            subprocess.run(extract, check=True)
        (tools / "redis-server").symlink_to(self.root / "redis/usr/bin/redis-server")
        scripts = {"tools/pg_dump": _PG_DUMP, "tools/pg_dumpall": _PG_DUMPALL,
                   "tools/redis-cli": _REDIS_CLI, "lessen": _LESSEN}  # fmt: skip
        for path, text in scripts.items():
            (self.root / path).write_text(text.format(root=self.root))
            (self.root / path).chmod(0o755)
        self.path = f"{tools}:{self.root}/server/bin:/usr/local/bin:/usr/bin:/bin"
        for folder in ("pg", "s3", "meta", "work", "secrets", "keys", "redis/less",
                       "certificates"):  # fmt: skip
            (self.root / folder).mkdir(mode=0o700)
            os.chown(self.root / folder, *self.ids)
        self.secret = secrets.token_hex(20)
        self._run("initdb", "-D", f"{self.root}/pg/data", "-U", "postgres", "-A", "trust",
                  "--locale=C.UTF-8", "-E", "UTF8", "--no-sync")  # fmt: skip
        self.start_postgres()
        conf = configuration("root", REDIS_PASSWORD, memory=128).replace(
            "/data", f"{self.root}/keys"
        )
        (self.root / "redis.conf").write_text(conf)
        # A connection of no network needs no delay for other replicas.
        more = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "",
                "--repl-diskless-sync-delay", "0"]  # fmt: skip
        self._start("redis-server", f"{self.root}/redis.conf", *more)
        self.start_s3()
        self.until(lambda: self.redis("PING") == "PONG")
        self.sql("CREATE ROLE chat LOGIN; CREATE DATABASE chat OWNER chat", "postgres")
        self.fill()

    def start_postgres(self) -> None:
        """Start the server on the data that is there, and wait until it answers."""
        options = [part for option in self.options for part in ("-c", option)]
        self.postgres = self._start(
            "postgres", "-D", f"{self.root}/pg/data", "-k", f"{self.root}/pg", "-h", "", *options
        )
        self.until(lambda: self._ready(["psql", *self.psql_options, "-c", "SELECT 1"]))

    @property
    def ids(self) -> tuple[int, int]:
        """Whom everything runs as: PostgreSQL refuses root."""
        return (NOBODY, NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())

    @property
    def psql_options(self) -> list[str]:
        return ["-XAtq", "-h", f"{self.root}/pg", "-U", "postgres"]

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
        program = [f"{self.root}/redis/usr/bin/redis-cli", "-p", str(self.redis_port)]
        done = subprocess.run(
            [*program, "-e", *command], capture_output=True, text=True, check=False,
            env={**self.environment, "REDISCLI_AUTH": "root"},
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    @property
    def certificates(self) -> Path:
        """The folder that is backed up."""
        return self.root / "certificates"

    def sql(self, text: str, database: str = "chat") -> str:
        """What a query answers."""
        command = ["psql", *self.psql_options, "-v", "ON_ERROR_STOP=1", "-d", database]
        return self._run(*command, stdin=text).strip()

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
            ["python3", "-m", "agent", "--settings", self._settings(), f"--now={now.isoformat()}",
             *verb],
            input=stdin.encode(), capture_output=True, check=False, env=self.environment, cwd="/",
            user=self.ids[0], group=self.ids[1], extra_groups=[],
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        assert self.secret.encode() not in done.stdout + done.stderr
        return done

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": self.path, "LD_LIBRARY_PATH": f"{self.root}/redis/usr/lib/x86_64-linux-gnu",
                "PYTHONPATH": f"{self.root}/code", "LANG": "C.UTF-8",
                "HOME": f"{self.root}/work", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip

    def start_s3(self) -> None:
        """Start the S3 server on the objects that are there."""
        credentials = {"ROOT_ACCESS_KEY": "backup", "ROOT_SECRET_KEY": self.secret}
        self.s3 = self._start(
            "versitygw", "--port", f"127.0.0.1:{self.s3_port}", "posix", "--sidecar",
            f"{self.root}/meta", f"{self.root}/s3", more=credentials,
        )  # fmt: skip
        self.until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.s3_port)))

    def stop_s3(self) -> None:
        """The bucket cannot be reached."""
        self.s3.terminate()
        self.s3.wait()

    def empty_bucket(self) -> None:
        """Drop all objects; the bucket itself is there, as the program makes it."""
        bucket = self.root / "s3" / BUCKET
        shutil.rmtree(bucket, ignore_errors=True)
        bucket.mkdir()
        os.chown(bucket, *self.ids)

    def objects(self, kind: str) -> list[Path]:
        """The objects of the bucket below a prefix."""
        folder = self.root / "s3" / BUCKET / kind
        return sorted(path for path in folder.rglob("*") if path.is_file())

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

    def close(self) -> None:
        """End what was started."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()

    def _settings(self) -> str:
        folder = self.root / "secrets"
        files = {
            "password": self.key,
            "credentials": "[default]\naws_access_key_id = backup\n"
            f"aws_secret_access_key = {self.secret}\n",
            "passfile": "",
            "redis": REDIS_PASSWORD,
        }
        settings: dict[str, Any] = {
            "repository": f"s3:http://127.0.0.1:{self.s3_port}/{BUCKET}",
            "password_file": f"{folder}/password",
            "credentials_file": f"{folder}/credentials",
            "passfile": f"{folder}/passfile",
            "host": f"{self.root}/pg",
            "port": 5432,
            "user": "postgres",
            "databases": ["chat"] if "postgres" in self.kinds else [],
            "folders": ({"certificates": str(self.certificates)} if "folder" in self.kinds else {}),
            "redis_host": "127.0.0.1" if "redis" in self.kinds else "",
            "redis_port": self.redis_port,
            "redis_user": BACKUP_USER,
            "redis_password_file": f"{folder}/redis",
            "redis_repository": f"s3:http://127.0.0.1:{self.s3_port}/{BUCKET}/redis",
            "work": f"{self.root}/work",
            "skew_seconds": self.skew,
            **self.more,
        }
        for name, content in {**files, "settings.json": json.dumps(settings)}.items():
            (folder / name).write_text(content)
            (folder / name).chmod(0o600)
            os.chown(folder / name, *self.ids)
        return f"{folder}/settings.json"

    def _run(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False,
            env=self.environment, cwd="/",
            user=self.ids[0], group=self.ids[1], extra_groups=[],
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _ready(self, command: list[str]) -> bool:
        done = subprocess.run(command, capture_output=True, check=False, env=self.environment)
        return done.returncode == 0

    def _start(self, *command: str, more: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with (self.root / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**self.environment, **(more or {})}, cwd="/",
                user=self.ids[0], group=self.ids[1], extra_groups=[],
            )  # fmt: skip
        self.processes.append(process)
        return process

    def until(self, condition: Any) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            logs = "".join(f.read_text()[-500:] for f in self.root.glob("*.log"))
            assert time.monotonic() < deadline, logs
            time.sleep(0.05)
