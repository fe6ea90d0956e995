"""PostgreSQL, with the databases and roles of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Health, Mount, Runtime, container, hang_up
from components.docker.files import Files, FilesArgs
from components.docker.host import Host
from components.values import resolved

# Not a database's name, whose pattern has no dash: the two kinds of role never meet.
BACKUP_ROLE = "backup-agent"
ARCHIVE_ROLE = "archive-agent"
_CONFIG = "/etc/postgresql"
_SECRETS = "/run/secrets"
TLS: Mapping[str, str] = {
    "ssl": "on",
    "ssl_cert_file": f"{_SECRETS}/server.crt",
    "ssl_key_file": f"{_SECRETS}/server.key",
    # Node.js, libpq and Prisma have it for years.
    "ssl_min_protocol_version": "TLSv1.3",
}
# A statement that is slow or fails is in the log, and these have passwords in them. They are run
# also where writes are refused by default, as before an upgrade.
_SESSION = """\
SET default_transaction_read_only = off;
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET log_statement = 'none';
"""
_PSQL = "docker exec -i postgres psql -q -v ON_ERROR_STOP=1 -U postgres -d postgres"


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """`data` is the folder on the server, `path` where the image of that release wants it.

    `databases` maps each database, and its owning role of the same name, to the password.

    `backup_password` is that of the role `BACKUP_ROLE`, which reads and restores all of them,
    `archive_password` that of `ARCHIVE_ROLE`, which receives the write-ahead log. `log_keep` is how
    much of the log (MiB) waits for that one, at most. `certificate` and `key` are PEM; with `plain`
    the network may do without them.
    """

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    path: str
    superuser_password: pulumi.Input[str]
    databases: Mapping[str, pulumi.Input[str]]
    backup_password: pulumi.Input[str]
    archive_password: pulumi.Input[str]
    certificate: pulumi.Input[str]
    key: pulumi.Input[str]
    plain: bool = False
    log_keep: int
    depends_on: Sequence[pulumi.Resource] = ()


class Postgres(Component):
    """PostgreSQL on the data volume."""

    token: ClassVar[str] = "manacore:data:Postgres"
    container_name: pulumi.Output[str]
    databases: pulumi.Output[list[str]]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None):
        """Run PostgreSQL, then make the databases and roles that are missing."""
        super().__init__(name, opts)
        uid = args.runtime.user.split(":")[0]
        secrets = Files(
            f"{name}-secrets",
            FilesArgs(
                host=args.host,
                folder="secrets/postgres",
                files={
                    "POSTGRES_PASSWORD": args.superuser_password,
                    "server.crt": args.certificate,
                    "server.key": args.key,
                },
                uid=int(uid),
                secret=True,
                # It takes another certificate without a restart.
                then=hang_up("postgres"),
            ),
            self.child_options(),
        )
        config = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host,
                folder="postgres",
                files={"pg_hba.conf": hba(plain=args.plain)},
                then=hang_up("postgres"),
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-server",
            self,
            ContainerArgs(
                host=args.host,
                container="postgres",
                runtime=args.runtime,
                command=["postgres", *_options(args)],
                env={"POSTGRES_PASSWORD_FILE": f"{_SECRETS}/POSTGRES_PASSWORD"},
                health=Health(
                    test=["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]
                ),
                mounts=[
                    Mount(source=args.data, target=args.path, read_only=False),
                    Mount(source=secrets.folder, target=_SECRETS),
                    Mount(source=config.folder, target=_CONFIG),
                ],
                tmpfs={"/var/run/postgresql": f"rw,noexec,nosuid,size=1m,uid={uid},mode=755"},
                # A fast shutdown writes a checkpoint: give it time, or it has to recover.
                stop_timeout=120,
                depends_on=args.depends_on,
            ),
        )
        self.ready = args.host.run(
            f"{name}-databases",
            self,
            create=_PSQL,
            stdin=pulumi.Output.secret(
                resolved(
                    {
                        **args.databases,
                        BACKUP_ROLE: args.backup_password,
                        ARCHIVE_ROLE: args.archive_password,
                    }
                ).apply(roles)
            ),
            # Another folder is another cluster, which has none of them.
            triggers=[args.data],
            depends_on=[self.container],
        )
        self.container_name = self.container.name
        self.databases = self.ready.id.apply(lambda _: list(args.databases))
        self.register()


def hba(*, plain: bool) -> str:
    """Who may connect from where: from the network by TLS alone, unless that may be `plain`.

    The first line is for who is in the container already; the image's own would trust its loopback
    too. `all` is no replication: only who archives may do that.
    """
    network = "host" if plain else "hostssl"
    return f"""\
local all all trust
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
{network} all all all scram-sha-256
{network} replication "{ARCHIVE_ROLE}" samenet scram-sha-256
"""


def _options(args: PostgresArgs) -> list[str]:
    """Memory settings from the container's limit (MiB), by the manual's rules, and the log's."""
    memory = args.runtime.memory
    settings = {
        "hba_file": f"{_CONFIG}/pg_hba.conf",
        **TLS,
        # Without a limit, an archiver that is away would fill the disk.
        "max_slot_wal_keep_size": f"{args.log_keep}MB",
        "shared_buffers": f"{memory // 4}MB",
        "effective_cache_size": f"{memory * 3 // 4}MB",
        "maintenance_work_mem": f"{memory // 16}MB",
        "work_mem": "8MB",
        "max_connections": "100",
        "password_encryption": "scram-sha-256",
        # POSIX shared memory would be /dev/shm, which Docker limits to 64 MB.
        "dynamic_shared_memory_type": "mmap",
        "log_min_duration_statement": "500ms",
    }
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def roles(passwords: Mapping[str, str]) -> str:
    """The SQL that makes all roles and databases that are missing, by their passwords."""
    owners = sorted(set(passwords) - {BACKUP_ROLE, ARCHIVE_ROLE})
    made = [_owner(name, passwords[name]) for name in owners]
    archive = _archive(passwords[ARCHIVE_ROLE])
    return "\n".join([_SESSION, *made, _backup(passwords[BACKUP_ROLE], owners), archive])


def _archive(password: str) -> str:
    """Make the role that receives the log and copies the server's files.

    It can read all that is in them, and changes nothing; it may end a segment before it is full.
    """
    return f"""\
{_login(ARCHIVE_ROLE, password, "NOCREATEDB REPLICATION")}\
GRANT EXECUTE ON FUNCTION pg_switch_wal() TO "{ARCHIVE_ROLE}";
"""


def _backup(password: str, owners: Sequence[str]) -> str:
    """Make the role that backs up and restores.

    As a member of every owner it reads what they have, makes a database in their name and renames
    one; it is no superuser, so it reaches no file and starts no program of the server.
    """
    members = ", ".join(f'"{name}"' for name in ["pg_read_all_data", *owners])
    return f"""\
{_login(BACKUP_ROLE, password, "CREATEDB")}\
GRANT {members} TO "{BACKUP_ROLE}";
"""


def _login(name: str, password: str, right: str = "NOCREATEDB") -> str:
    quoted = password.replace("'", "''")
    # Names are the catalogue's, whose pattern has no quotes; psql has no other way to make a role.
    return f"""\
SELECT 'CREATE ROLE "{name}" LOGIN' WHERE NOT EXISTS
  (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec
ALTER ROLE "{name}" LOGIN NOSUPERUSER {right} NOCREATEROLE PASSWORD '{quoted}';
"""  # noqa: S608


def _owner(name: str, password: str) -> str:
    """Make a role and its database unless they exist; only the role may connect to it."""
    return f"""\
{_login(name, password)}\
SELECT 'CREATE DATABASE "{name}" OWNER "{name}"' WHERE NOT EXISTS
  (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;
"""  # noqa: S608
