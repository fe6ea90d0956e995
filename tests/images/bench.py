"""A real PostgreSQL 16, a real S3 server and the agent, all as one unprivileged user."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud.home import Home
from localcloud.images.sources import POSTGRES_CLIENTS, POSTGRES_SERVER, Sources
from localcloud.objects.store import VERSITYGW
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
NOBODY = 65534
BUCKET = "backups"
READY_SECONDS = 30
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


@dataclass
class Bench:
    """Everything below `root`; `clock` is added to the agent's time."""

    root: Path
    key: str = "correct-key"
    clock: timedelta = timedelta()
    skew: int = 300
    s3_port: int = field(default_factory=free_port)
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
        shutil.copy(sources.go(VERSITYGW), tools)
        for name in ("psql", "pg_restore"):
            (tools / name).symlink_to(self.root / "pgserver/pginstall/bin" / name)
        (tools / "pg_dump").write_text(_PG_DUMP.format(root=self.root))
        (tools / "pg_dump").chmod(0o755)
        self.path = f"{tools}:{self.root}/server/bin:/usr/local/bin:/usr/bin:/bin"
        for folder in ("pg", "s3", "work", "secrets"):
            (self.root / folder).mkdir(mode=0o700)
            os.chown(self.root / folder, *self.ids)
        self.secret = secrets.token_hex(20)
        self._run("initdb", "-D", f"{self.root}/pg/data", "-U", "postgres", "-A", "trust",
                  "--locale=C.UTF-8", "-E", "UTF8", "--no-sync")  # fmt: skip
        self._start("postgres", "-D", f"{self.root}/pg/data", "-k", f"{self.root}/pg", "-h", "")
        self.start_s3()
        self._until(lambda: self._ready(["psql", *self.psql_options, "-c", "SELECT 1"]))
        self.sql("CREATE ROLE chat LOGIN; CREATE DATABASE chat OWNER chat", "postgres")
        self.fill()

    @property
    def ids(self) -> tuple[int, int]:
        """Whom everything runs as: PostgreSQL refuses root."""
        return (NOBODY, NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())

    @property
    def psql_options(self) -> list[str]:
        return ["-XAtq", "-h", f"{self.root}/pg", "-U", "postgres"]

    def fill(self) -> None:
        """Two tables with a thousand rows each, as the role that owns them."""
        self.sql(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET ROLE postgres;"
            "CREATE TABLE messages AS SELECT n, md5(n::text) AS body"
            " FROM generate_series(1, 1000) n;"
            "CREATE TABLE rooms AS SELECT n FROM generate_series(1,1000) n;"
            "ALTER TABLE messages OWNER TO chat; ALTER TABLE rooms OWNER TO chat"
        )

    def sql(self, text: str, database: str = "chat") -> str:
        """What a query answers."""
        command = ["psql", *self.psql_options, "-v", "ON_ERROR_STOP=1", "-d", database]
        return self._run(*command, stdin=text).strip()

    def agent(self, *verb: str, stdin: str = "") -> tuple[int, Any]:
        """Run the agent; its exit code and its answer."""
        now = datetime.now(UTC) + self.clock
        done = subprocess.run(
            ["python3", "-m", "agent", "--settings", self._settings(), f"--now={now.isoformat()}",
             *verb],
            input=stdin, capture_output=True, text=True, check=False, env=self.environment, cwd="/",
            user=self.ids[0], group=self.ids[1], extra_groups=[],
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert self.secret not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": self.path, "PYTHONPATH": f"{self.root}/code", "LANG": "C.UTF-8",
                "HOME": f"{self.root}/work", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip

    def start_s3(self) -> None:
        """Start the S3 server on the objects that are there."""
        credentials = {"ROOT_ACCESS_KEY": "backup", "ROOT_SECRET_KEY": self.secret}
        self.s3 = self._start(
            "versitygw", "--port", f"127.0.0.1:{self.s3_port}", "posix", "--nometa",
            f"{self.root}/s3", more=credentials,
        )  # fmt: skip
        self._until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.s3_port)))

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
        }
        settings: dict[str, Any] = {
            "repository": f"s3:http://127.0.0.1:{self.s3_port}/{BUCKET}",
            "password_file": f"{folder}/password",
            "credentials_file": f"{folder}/credentials",
            "passfile": f"{folder}/passfile",
            "host": f"{self.root}/pg",
            "port": 5432,
            "user": "postgres",
            "databases": ["chat"],
            "work": f"{self.root}/work",
            "skew_seconds": self.skew,
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

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            logs = "".join(f.read_text()[-500:] for f in self.root.glob("*.log"))
            assert time.monotonic() < deadline, logs
            time.sleep(0.05)
