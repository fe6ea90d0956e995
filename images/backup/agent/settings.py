"""What the agent is told: one JSON file without secrets, which names the files that hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from .process import AgentError
from .schedule import Slot


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where data is and where backups go; `databases` and `folders` are the catalogue's."""

    repository: str
    """restic's address, such as `s3:https://host/bucket`."""
    password_file: str
    credentials_file: str
    """S3 credentials as an AWS shared credentials file."""
    passfile: str
    """PostgreSQL's password file."""
    host: str
    """Address of PostgreSQL, or the folder of its socket."""
    port: int
    user: str
    databases: list[str]
    work: str
    """Folder of dumps on their way; needs room for the largest database or folder."""
    folders: dict[str, str] = field(default_factory=dict[str, str])
    """Where each folder is mounted, by its name."""
    redis_host: str = ""
    """Address of Redis; empty: there is none."""
    redis_port: int = 6379
    redis_user: str = ""
    redis_password_file: str = ""
    redis_repository: str = ""
    """restic's address for Redis: another place, since a lock by age is a place's."""
    redis_keep_days: int = 7
    keep_days: int = 30
    """For how long a backup is kept; not less than the bucket's lock."""
    shrink_percent: int = 50
    """A backup with this much less than the last good one is suspect."""
    stale_hours: int = 26
    skew_seconds: int = 300
    """How far this clock may be from the bucket's."""
    run_at: str = "02:00"
    """When a backup begins each day, UTC."""
    verify_at: str = "Sun 04:00"
    """When the backups are proven each week, UTC."""
    serve_port: int = 9187
    """Where `serve` answers `/health` and `/metrics`."""
    wait_seconds: int = 3600
    """For how long a command waits until another one has ended."""
    archive_user: str = ""
    """The role that receives the write-ahead log; empty: nothing is archived."""
    archive_limit_mb: int = 4096
    """How much of the log may wait here for the bucket; after that it waits at the server."""
    beat_seconds: int = 45
    """How often what was written leaves the server, however little it is. Below a minute, so that
    no more than a minute is lost with what receiving and sending take."""
    base_at: str = "01:00"
    """When a base backup of the whole server begins each day, UTC."""
    copy_to: str = ""
    """restic's address of the second copy, such as `sftp://user@host:23/path`; empty: none."""
    copy_key_file: str = ""
    """The private key that its server lets in, in OpenSSH's form."""
    copy_known_hosts: str = ""
    """The file with its host key, as OpenSSH's client reads it."""
    copy_at: str = "03:00"
    """When it is brought up to date each day, UTC."""
    copy_parts: int = 10
    """Into how many parts its data is divided, of which each proof reads one."""

    @classmethod
    def read(cls, file: Path) -> Settings:
        """Read the file; raises `AgentError` with all that is wrong in it."""
        try:
            found = cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise AgentError(f"{file}: {error}") from error
        known = {field.name: field for field in fields(cls)}
        problems = [f"{file}: unknown key {key}" for key in found if key not in known]
        try:
            settings = cls(**{key: value for key, value in found.items() if key in known})
        except TypeError as error:
            problems.append(f"{file}: {error}")
            raise AgentError("; ".join(problems)) from error
        redis = ("redis_password_file",) if settings.redis_host else ()
        copy = ("copy_key_file", "copy_known_hosts") if settings.copy_to else ()
        for name in ("password_file", "credentials_file", "passfile", *redis, *copy):
            secret = Path(cast("str", getattr(settings, name)))
            if not secret.is_file():
                problems.append(f"{file}: {name}: {secret} is missing")
        for name in ("run_at", "verify_at", "base_at", "copy_at"):
            try:
                Slot.read(cast("str", getattr(settings, name)))
            except AgentError as error:
                problems.append(f"{file}: {name}: {error}")
        if settings.redis_host and not settings.redis_repository:
            problems.append(f"{file}: redis_repository is missing")
        if problems:
            raise AgentError("; ".join(problems))
        return settings
