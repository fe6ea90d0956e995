"""A real PostgreSQL 16 and S3 server with the backup agent, all as one unprivileged user."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.programs import install

BUCKET = "backups"
NOBODY = 65534
READY_SECONDS = 30


class ServersError(Exception):
    """A server did not come up, or a program failed; the message has what it said."""


@dataclass
class Servers:
    """Everything below `root`. `options` are PostgreSQL's settings, `more` those of the agent."""

    root: Path
    s3_port: int
    key: str = "correct-key"
    options: Sequence[str] = ()
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def install(self) -> None:
        """Bring the programs here, and make a server's folder; nothing runs yet."""
        self.root.chmod(0o755)
        self.tools = install(self.root)
        self.path = f"{self.tools}:{self.root}/server/bin:/usr/local/bin:/usr/bin:/bin"
        self.folders("pg", "s3", "meta", "work", "secrets")
        self.secret = secrets.token_hex(20)
        self.make_data()

    def make_data(self) -> None:
        """Make the data of a PostgreSQL server that has none."""
        self.run("initdb", "-D", f"{self.root}/pg/data", "-U", "postgres", "-A", "trust",
                 "--locale=C.UTF-8", "-E", "UTF8", "--no-sync")  # fmt: skip

    def folders(self, *names: str) -> None:
        """Make folders of the user."""
        for name in names:
            (self.root / name).mkdir(mode=0o700)
            os.chown(self.root / name, *self.ids)

    def start_postgres(self, *more: str) -> None:
        """Start the server on the data that is there, and wait until it answers."""
        options = [part for option in (*self.options, *more) for part in ("-c", option)]
        self.postgres = self.start_process(
            "postgres", "-D", f"{self.root}/pg/data", "-k", f"{self.root}/pg", "-h", "", *options
        )
        self.until(lambda: self._ready(["psql", *self.psql_options, "-c", "SELECT 1"]))

    def stop_postgres(self) -> None:
        """End it, with a checkpoint."""
        self.postgres.terminate()
        self.postgres.wait()

    def start_s3(self) -> None:
        """Start the S3 server on the objects that are there."""
        credentials = {"ROOT_ACCESS_KEY": "backup", "ROOT_SECRET_KEY": self.secret}
        self.s3 = self.start_process(
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

    def objects(self, prefix: str) -> list[Path]:
        """The objects of the bucket below a prefix."""
        folder = self.root / "s3" / BUCKET / prefix
        return sorted(path for path in folder.rglob("*") if path.is_file())

    @property
    def address(self) -> str:
        """The bucket, as restic writes it."""
        return f"s3:http://127.0.0.1:{self.s3_port}/{BUCKET}"

    @property
    def ids(self) -> tuple[int, int]:
        """Whom everything runs as: PostgreSQL refuses root."""
        return (NOBODY, NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())

    @property
    def user(self) -> dict[str, Any]:
        """How a process becomes that user's."""
        return {"user": self.ids[0], "group": self.ids[1], "extra_groups": list[int](), "cwd": "/"}

    @property
    def environment(self) -> dict[str, str]:
        """Variables of all programs."""
        return {"PATH": self.path, "PYTHONPATH": f"{self.root}/code", "LANG": "C.UTF-8",
                "HOME": f"{self.root}/work", "TMPDIR": f"{self.root}/work",
                "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip

    @property
    def client_options(self) -> list[str]:
        """How clients reach PostgreSQL."""
        return ["-h", f"{self.root}/pg", "-U", "postgres"]

    @property
    def psql_options(self) -> list[str]:
        """The same for psql, which prints values alone."""
        return ["-XAtq", *self.client_options]

    def sql(self, text: str, database: str = "chat") -> str:
        """What a query answers."""
        command = ["psql", *self.psql_options, "-v", "ON_ERROR_STOP=1", "-d", database]
        return self.run(*command, stdin=text).strip()

    def command(self, *verb: str) -> list[str]:
        """The agent's command, once its settings and secrets are written."""
        return ["python3", "-m", "agent", "--settings", self.write_settings(), *verb]

    def agent(self, *verb: str, stdin: str = "") -> tuple[int, Any]:
        """Run the agent; its exit code and its answer."""
        done = subprocess.run(
            self.command(*verb), input=stdin, text=True, capture_output=True, check=False,
            env=self.environment, **self.user,
        )  # fmt: skip
        if "Traceback" in done.stderr:
            raise ServersError(done.stderr)
        return done.returncode, json.loads(done.stdout)

    def settings(self) -> dict[str, Any]:
        """What the agent is told."""
        folder = self.root / "secrets"
        return {
            "repository": self.address,
            "password_file": f"{folder}/password",
            "credentials_file": f"{folder}/credentials",
            "passfile": f"{folder}/passfile",
            "host": f"{self.root}/pg",
            "port": 5432,
            "user": "postgres",
            "databases": ["chat"],
            "work": f"{self.root}/work",
            **self.more,
        }

    def secret_files(self) -> dict[str, str]:
        """The files that the settings name, and what is in them."""
        return {
            "password": self.key,
            "credentials": "[default]\naws_access_key_id = backup\n"
            f"aws_secret_access_key = {self.secret}\n",
            "passfile": "",
        }

    def write_settings(self) -> str:
        """Write the agent's settings and secrets; returns the settings' path."""
        told = {"settings.json": json.dumps(self.settings())}
        for name, content in {**self.secret_files(), **told}.items():
            file = self.root / "secrets" / name
            file.write_text(content)
            file.chmod(0o600)
            os.chown(file, *self.ids)
        return f"{self.root}/secrets/settings.json"

    def run(self, *command: str, stdin: str = "") -> str:
        """What a program printed; raises `ServersError`."""
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False,
            env=self.environment, **self.user,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServersError(done.stderr)
        return done.stdout

    def start_process(
        self, *command: str, more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that runs until `close`; it writes into a log in `root`."""
        with (self.root / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**self.environment, **(more or {})}, cwd="/",
                user=self.ids[0], group=self.ids[1], extra_groups=[],
            )  # fmt: skip
        self.processes.append(process)
        return process

    def logs(self) -> str:
        """What was said last."""
        return "".join(file.read_text()[-1500:] for file in self.root.glob("*.log"))

    def until(self, condition: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
        """Wait until something is so; raises `ServersError` when it is not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise ServersError(f"not within {seconds:.0f} s; what was said:\n{self.logs()}")
            time.sleep(0.05)

    def close(self) -> None:
        """End what was started."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()

    def _ready(self, command: list[str]) -> bool:
        done = subprocess.run(command, capture_output=True, check=False, env=self.environment)
        return done.returncode == 0
