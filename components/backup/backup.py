"""The backup agent: backs up what nobody can make again, proves it, restores when told to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

import pulumi

from components.component import Component
from components.data.certificate import HOST
from components.data.postgres import ARCHIVE_ROLE, BACKUP_ROLE
from components.data.redis import BACKUP_USER
from components.docker.container import ContainerArgs, Health, Mount, Runtime, container
from components.docker.files import Files, FilesArgs
from components.docker.host import Host

SETTINGS_FOLDER = "/etc/backup"
_SECRETS = "/run/secrets"
_POSTGRES = (HOST, 5432)
_AUTHORITY = "postgres-authority.crt"
_COPY_KEY = "copy_key"
_COPY_KNOWN_HOSTS = "copy_known_hosts"
_SSH_PORT = 22
_REDIS = ("redis", 6379)
REDIS_PREFIX = "redis/"
FOLDERS = "/mnt/folders"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When backup, base backup and proof begin, UTC, as the agent reads it; None: its defaults."""

    run_at: str | None = None
    verify_at: str | None = None
    base_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class SecondCopy:
    """Where the backups are copied to, on a server that is reached by SFTP.

    `to` is restic's address (`sftp://user@host:port/path`), `host_key` the server's public key,
    `key` the private one that it lets in, in OpenSSH's form; `at` as in `Schedule`.
    """

    to: str
    host_key: str
    key: pulumi.Input[str]
    at: str | None = None


@dataclass(frozen=True, kw_only=True)
class BackupArgs:
    """What is backed up, where to, and with which credentials.

    `repository` is restic's address of the bucket (`s3:<endpoint>/<bucket>`), `password` that of
    the repositories and the key of the archive: Redis, which is kept for `redis_days`, has a
    repository of its own below `REDIS_PREFIX`. `folders` are by name; the agent's user has to be
    able to read them. `authority` is the certificate by which PostgreSQL is trusted. `work` is the
    folder of dumps on their way, mounted at `work_target`; at most `archive_limit` (MiB) of the log
    wait there for the bucket.
    """

    host: Host
    runtime: Runtime
    work: pulumi.Input[str]
    work_target: str
    repository: str
    databases: Sequence[str]
    folders: Mapping[str, pulumi.Input[str]]
    keep_days: int
    redis_days: int
    schedule: Schedule
    key_id: pulumi.Input[str]
    key_secret: pulumi.Input[str]
    password: pulumi.Input[str]
    database_password: pulumi.Input[str]
    archive_password: pulumi.Input[str]
    authority: pulumi.Input[str]
    archive_limit: int
    redis_password: pulumi.Input[str]
    second_copy: SecondCopy | None = None
    depends_on: Sequence[pulumi.Resource] = ()


class Backup(Component):
    """The agent in a container of its own.

    It is one PostgreSQL role for backup and restore, `BACKUP_ROLE`: a second one that may only read
    would protect nothing, since the container that holds it has to hold the one that restores too.
    That role is no superuser (`components.data.postgres`); nor is `BACKUP_USER`, for Redis.
    `ARCHIVE_ROLE` receives PostgreSQL's log.
    """

    token: ClassVar[str] = "manacore:backup:Backup"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None):
        """Run the agent."""
        super().__init__(name, opts)
        settings = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host,
                folder="backup",
                files={
                    "settings.json": _settings(args),
                    _AUTHORITY: args.authority,
                    **_known_hosts(args.second_copy),
                },
            ),
            self.child_options(),
        )
        secrets = Files(
            f"{name}-secrets",
            FilesArgs(
                host=args.host,
                folder="secrets/backup",
                files={
                    "REPOSITORY_PASSWORD": args.password,
                    "credentials": pulumi.Output.concat(
                        "[default]\naws_access_key_id = ",
                        args.key_id,
                        "\naws_secret_access_key = ",
                        args.key_secret,
                        "\n",
                    ),
                    "pgpass": pulumi.Output.concat(
                        f"*:*:*:{BACKUP_ROLE}:",
                        args.database_password,
                        f"\n*:*:*:{ARCHIVE_ROLE}:",
                        args.archive_password,
                        "\n",
                    ),
                    "redis": args.redis_password,
                    **_copy_key(args.second_copy),
                },
                uid=int(args.runtime.user.split(":")[0]),
                secret=True,
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-agent",
            self,
            ContainerArgs(
                host=args.host,
                container="backup",
                runtime=args.runtime,
                # The agent reads its settings when it starts: others make another container.
                env={
                    "SETTINGS": settings.digest,
                    # For all of PostgreSQL's programs. Its own servers are reached by sockets,
                    # where libpq asks for no TLS whatever it is told.
                    "PGSSLMODE": "verify-full",
                    "PGSSLROOTCERT": f"{SETTINGS_FOLDER}/{_AUTHORITY}",
                },
                health=_health(args.runtime.port),
                mounts=[
                    Mount(source=settings.folder, target=SETTINGS_FOLDER),
                    Mount(source=secrets.folder, target=_SECRETS),
                    Mount(source=args.work, target=args.work_target, read_only=False),
                    *(
                        Mount(source=folder, target=f"{FOLDERS}/{name}")
                        for name, folder in sorted(args.folders.items())
                    ),
                ],
                depends_on=args.depends_on,
            ),
        )
        self.container_name = self.container.name
        self.register()


def _settings(args: BackupArgs) -> str:
    """The agent's settings file; credentials are in the files that it names."""
    host, port = _POSTGRES
    redis_host, redis_port = _REDIS
    settings = {
        "repository": args.repository,
        "password_file": f"{_SECRETS}/REPOSITORY_PASSWORD",
        "credentials_file": f"{_SECRETS}/credentials",
        "passfile": f"{_SECRETS}/pgpass",
        "host": host,
        "port": port,
        "user": BACKUP_ROLE,
        "databases": sorted(args.databases),
        "folders": {name: f"{FOLDERS}/{name}" for name in sorted(args.folders)},
        "redis_host": redis_host,
        "redis_port": redis_port,
        "redis_user": BACKUP_USER,
        "redis_password_file": f"{_SECRETS}/redis",
        "redis_repository": f"{args.repository}/{REDIS_PREFIX.rstrip('/')}",
        "redis_keep_days": args.redis_days,
        "work": args.work_target,
        "serve_port": args.runtime.port,
        "keep_days": args.keep_days,
        "run_at": args.schedule.run_at,
        "verify_at": args.schedule.verify_at,
        "archive_user": ARCHIVE_ROLE,
        "archive_limit_mb": args.archive_limit,
        "base_at": args.schedule.base_at,
        **_copy_settings(args.second_copy),
    }
    told = {key: value for key, value in settings.items() if value is not None}
    return json.dumps(told, indent=1)


def _copy_settings(copy: SecondCopy | None) -> dict[str, str | None]:
    if copy is None:
        return {}
    return {
        "copy_to": copy.to,
        "copy_key_file": f"{_SECRETS}/{_COPY_KEY}",
        "copy_known_hosts": f"{SETTINGS_FOLDER}/{_COPY_KNOWN_HOSTS}",
        "copy_at": copy.at,
    }


def _known_hosts(copy: SecondCopy | None) -> dict[str, str]:
    """The server's key as OpenSSH's client reads it: with the port, where that is another one."""
    if copy is None:
        return {}
    url = urlsplit(copy.to)
    port = url.port or _SSH_PORT
    host = url.hostname if port == _SSH_PORT else f"[{url.hostname}]:{port}"
    return {_COPY_KNOWN_HOSTS: f"{host} {copy.host_key}\n"}


def _copy_key(copy: SecondCopy | None) -> dict[str, pulumi.Input[str]]:
    if copy is None:
        return {}
    # OpenSSH reads no key whose last line has no end, and a secret loses it where it is set.
    return {_COPY_KEY: pulumi.Output.concat(copy.key, "\n")}


def _health(port: int) -> Health:
    """By the image's own Python: it need not have another client."""
    ask = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/health', timeout=5)"
    return Health(test=["CMD", "python3", "-c", ask])
