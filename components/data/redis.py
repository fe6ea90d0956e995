"""Redis: sessions and caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Health, Mount, Runtime, container
from components.docker.files import Files, FilesArgs
from components.docker.host import Host

_PING = "REDISCLI_AUTH=$(cat /run/secrets/REDIS_PASSWORD) redis-cli ping | grep -q PONG"


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """`data` is the folder of its append-only file."""

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    password: pulumi.Input[str]
    depends_on: Sequence[pulumi.Resource] = ()


class Redis(Component):
    """Redis 7 with a password; it evicts before the kernel would kill it."""

    token: ClassVar[str] = "manacore:data:Redis"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Redis."""
        super().__init__(name, opts)
        secrets = Files(
            f"{name}-secrets",
            FilesArgs(
                host=args.host,
                folder="secrets/redis",
                files={
                    "REDIS_PASSWORD": args.password,
                    "redis.conf": pulumi.Output.secret(args.password).apply(
                        lambda password: _configuration(password, args.runtime.memory)
                    ),
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
        self.container_name = self.container.name
        self.register()


def _configuration(password: str, memory: int) -> str:
    """The configuration file; a quarter of the limit (MiB) is left to forks and buffers."""
    return f"""\
dir /data
appendonly yes
maxmemory {memory * 3 // 4}mb
maxmemory-policy allkeys-lru
requirepass {password}
"""
