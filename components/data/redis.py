"""Redis: sessions and caches, with a user for each service."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Health, Mount, Runtime, container
from components.docker.files import Files, FilesArgs
from components.docker.host import Host
from components.values import resolved

ADMIN = "admin"
BACKUP_USER = "backup-agent"
# Whom Redis takes a client for that names no user.
DEFAULT_USER = "default"
_RIGHTS: Mapping[str, str] = {
    ADMIN: "~* &* +@all",
    # A replica's rights, to read all; what a restore beside the present databases needs; and no
    # more: no key is read or written by it, no script is run, nothing is configured.
    BACKUP_USER: (
        "~* resetchannels -@all +ping +info +sync +psync +replconf"
        " +select +restore +dbsize +swapdb +flushdb"
    ),
}
# All of a service's daily work, on all keys: which are whose, nobody has written down. INFO is what
# clients ask before they begin (ioredis, BullMQ). Gone are FLUSHALL and FLUSHDB, KEYS (SCAN does
# it), SORT, CLIENT LIST and KILL, CONFIG, ACL, MONITOR, SHUTDOWN, and what a replica does.
_SERVICE_RIGHTS = "~* &* +@all -@admin -@dangerous +info"
_PASSWORD = "/run/secrets/REDIS_PASSWORD"
# The admin's password as the server that runs knows it, in the container's memory: the file may
# have the next one already.
_KNOWN = "/tmp/admin"  # noqa: S108 - the container's own
START = f"umask 077; cat {_PASSWORD} >{_KNOWN}; exec redis-server /run/secrets/redis.conf"
_PING = f"REDISCLI_AUTH=$(cat {_KNOWN}) redis-cli --user {ADMIN} ping | grep -q PONG"
# Users come by standard input, passwords as digests. Who is not among them goes, and is cut off.
# With -e a refusal ends redis-cli with 1; without file names (sh -f) a pattern of keys stays one.
_SET_USERS = f"""\
set -eu
known={_KNOWN}
ask() {{
  said=$(REDISCLI_AUTH=$(cat $known) redis-cli -e --user {ADMIN} "$@" 2>&1 </dev/null) || {{
    echo "$said" >&2
    return 1
  }}
}}
ask PING 2>/dev/null || known={_PASSWORD}
given=" "
while read -r name rules; do
  ask ACL SETUSER "$name" $rules
  given="$given$name "
done
known={_PASSWORD}
cat {_PASSWORD} >{_KNOWN}
ask ACL USERS
for name in $said; do
  case "$given" in
    *" $name "*) ;;
    *) ask ACL DELUSER "$name" ;;
  esac
done
"""
SET_USERS = f"docker exec -i redis sh -f -c {shlex.quote(_SET_USERS)}"


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """`data` is the folder of its append-only file.

    `admin_password` is that of the user `ADMIN`, who may do everything, `backup_password` that of
    `BACKUP_USER`, which dumps and restores all databases. `users` are the services' own, by name:
    as `DEFAULT_USER` one logs in by its password alone.
    """

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    admin_password: pulumi.Input[str]
    backup_password: pulumi.Input[str]
    users: Mapping[str, pulumi.Input[str]]
    depends_on: Sequence[pulumi.Resource] = ()


class Redis(Component):
    """Redis 7 with users; it evicts before the kernel would kill it."""

    token: ClassVar[str] = "manacore:data:Redis"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Redis, then tell one that runs already which users there are."""
        super().__init__(name, opts)
        passwords = resolved(
            {**args.users, ADMIN: args.admin_password, BACKUP_USER: args.backup_password}
        )
        users = pulumi.Output.secret(passwords).apply(users_of)
        secrets = Files(
            f"{name}-secrets",
            FilesArgs(
                host=args.host,
                folder="secrets/redis",
                files={
                    "REDIS_PASSWORD": args.admin_password,
                    "redis.conf": users.apply(
                        lambda lines: configuration(lines, args.runtime.memory)
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
                command=["sh", "-c", START],
                health=Health(test=["CMD-SHELL", _PING]),
                mounts=[
                    Mount(source=args.data, target="/data", read_only=False),
                    Mount(source=secrets.folder, target="/run/secrets"),
                ],
                depends_on=args.depends_on,
            ),
        )
        # Its configuration is read at its start: other users are there without one, and no
        # connection ends but those of users that are not.
        args.host.run(
            f"{name}-user",
            self,
            create=SET_USERS,
            stdin=users,
            depends_on=[self.container],
        )
        self.container_name = self.container.name
        self.register()


def password_digest(password: str) -> str:
    """A password as Redis keeps it."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def users_of(passwords: Mapping[str, str]) -> str:
    """All users by their passwords, a line each: the name, and what `ACL SETUSER` makes of it.

    The default user can do nothing unless it has a password: otherwise Redis lets everybody in.
    """
    rules = {
        name: f"reset on {_RIGHTS.get(name, _SERVICE_RIGHTS)} {password_digest(password)}"
        for name, password in passwords.items()
    }
    # The admin last: it is who tells the server of all others.
    given = sorted({DEFAULT_USER: "reset", **rules}.items(), key=lambda one: (one[0] == ADMIN, one))
    return "".join(f"{name} {rule}\n" for name, rule in given)


def configuration(users: str, memory: int) -> str:
    """The configuration file; a quarter of the limit (MiB) is left to forks and buffers."""
    return f"""\
dir /data
appendonly yes
maxmemory {memory * 3 // 4}mb
maxmemory-policy allkeys-lru
""" + "".join(f"user {line}\n" for line in users.splitlines())
