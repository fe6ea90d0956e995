"""Redis: sessions and caches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Health, Mount, Runtime, container
from components.docker.files import Files, FilesArgs
from components.docker.host import Host

BACKUP_USER = "backup-agent"
# A replica's rights, to read all; what a restore beside the present databases needs; and no more:
# no key is read or written by it, no script is run, nothing is configured.
_BACKUP_RIGHTS = (
    "~* resetchannels -@all +ping +info +sync +psync +replconf"
    " +select +restore +dbsize +swapdb +flushdb"
)
_CLIENT = "REDISCLI_AUTH=$(cat /run/secrets/REDIS_PASSWORD) redis-cli"
_PING = f"{_CLIENT} ping | grep -q PONG"
# The last argument, the password's digest, by standard input; with -e a refusal ends it with 1, and
# without file names (-f) the shell leaves the pattern of keys alone.
GIVE_USER = (
    "docker exec -i redis sh -f -c"
    f" '{_CLIENT} -e -x ACL SETUSER {BACKUP_USER} reset on {_BACKUP_RIGHTS}'"
)


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """`data` is the folder of its append-only file.

    `backup_password` is that of the user `BACKUP_USER`, which dumps and restores all databases.
    """

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    password: pulumi.Input[str]
    backup_password: pulumi.Input[str]
    depends_on: Sequence[pulumi.Resource] = ()


class Redis(Component):
    """Redis 7 with a password; it evicts before the kernel would kill it."""

    token: ClassVar[str] = "manacore:data:Redis"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Redis, then give one that runs already the backup's user."""
        super().__init__(name, opts)
        secrets = Files(
            f"{name}-secrets",
            FilesArgs(
                host=args.host,
                folder="secrets/redis",
                files={
                    "REDIS_PASSWORD": args.password,
                    "redis.conf": pulumi.Output.secret(
                        pulumi.Output.all(args.password, args.backup_password)
                    ).apply(lambda both: configuration(both[0], both[1], args.runtime.memory)),
                },
                uid=int(args.runtime.user.split(":")[0]),
                secret=True,
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-server",
            self,
            ContainerArgs(
                host=args.host,
                container="redis",
                runtime=args.runtime,
                command=["redis-server", "/run/secrets/redis.conf"],
                health=Health(test=["CMD-SHELL", _PING]),
                mounts=[
                    Mount(source=args.data, target="/data", read_only=False),
                    Mount(source=secrets.folder, target="/run/secrets"),
                ],
                depends_on=args.depends_on,
            ),
        )
        # Its configuration is read at its start: another password holds without one.
        args.host.run(
            f"{name}-user",
            self,
            create=GIVE_USER,
            stdin=pulumi.Output.secret(args.backup_password).apply(password_digest),
            depends_on=[self.container],
        )
        self.container_name = self.container.name
        self.register()


def password_digest(password: str) -> str:
    """A password as Redis keeps it."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def configuration(password: str, backup_password: str, memory: int) -> str:
    """The configuration file; a quarter of the limit (MiB) is left to forks and buffers."""
    return f"""\
dir /data
appendonly yes
maxmemory {memory * 3 // 4}mb
maxmemory-policy allkeys-lru
requirepass {password}
user {BACKUP_USER} reset on {_BACKUP_RIGHTS} {password_digest(backup_password)}
"""
