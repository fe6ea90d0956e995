"""A container with hardened defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.docker.host import Host
from components.docker.image import pulled
from components.sdk import docker
from components.values import resolved

if TYPE_CHECKING:
    from components.sdk.docker import ContainerMountArgsDict


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder of the server inside the container."""

    source: pulumi.Input[str]
    target: str
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class Port:
    """A published port. Only the edge has any."""

    port: int
    protocol: str = "tcp"
    address: str = "0.0.0.0"  # noqa: S104 - the edge is what faces the network


@dataclass(frozen=True, kw_only=True)
class Joined:
    """The container in whose network another one is: by name, and by id as Docker reports it."""

    container: str
    id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Health:
    """The command that tells whether the container works.

    Until it is first healthy, or for `grace` seconds, it is asked every `start_interval`, so that a
    start is noticed at once; afterwards every `interval`. All in seconds.
    """

    test: Sequence[str]
    interval: int = 30
    timeout: int = 10
    retries: int = 3
    grace: int = 40
    start_interval: int = 2


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What the catalogue says of a container: image, limits, user, networks.

    `memory` in MiB, `cpus` in cores.
    """

    image: str
    memory: int
    cpus: float
    user: str
    port: int
    networks: Sequence[str]
    read_only: bool = True
    add_capabilities: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerArgs:
    """One container; timeouts in seconds.

    `aliases` are further names in its networks. One that has `joined` another's network has neither
    networks nor ports, nor a host name of its own.
    """

    host: Host
    container: str
    runtime: Runtime
    health: Health
    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    command: Sequence[str] = ()
    mounts: Sequence[Mount] = ()
    ports: Sequence[Port] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict[str, str])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    aliases: Sequence[str] = ()
    joined: Joined | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict[str, str])
    stop_timeout: int = 30
    start_timeout: int = 300
    ignore_changes: Sequence[str] = ()
    depends_on: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class Described:
    """A container that was made, for whoever writes down what a host runs."""

    args: ContainerArgs
    env: pulumi.Output[dict[str, str]]


_NEVER_UPDATED = ("healthcheck", "init", "tmpfs")
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}


def tmpfs(args: ContainerArgs) -> dict[str, str]:
    """What is writable in a container whose root is not: `/tmp`, and what it asks for."""
    return {"/tmp": "rw,noexec,nosuid,size=64m", **args.tmpfs}  # noqa: S108 - its own tmpfs


def container(
    name: str,
    parent: pulumi.Resource,
    args: ContainerArgs,
    opts: pulumi.ResourceOptions | None = None,
) -> docker.Container:
    """A container: non-root, read-only, without capabilities, limited, watched and restarted."""
    options = pulumi.ResourceOptions.merge(
        pulumi.ResourceOptions.merge(args.host.options(parent), opts),
        pulumi.ResourceOptions(
            depends_on=list(args.depends_on),
            ignore_changes=list(args.ignore_changes),
            # The provider takes these changes for an update, and then tells the daemon nothing.
            replace_on_changes=[p for p in _NEVER_UPDATED if p not in args.ignore_changes],
        ),
    )
    variables = resolved(args.env)
    env = variables.apply(lambda found: [f"{key}={value}" for key, value in sorted(found.items())])
    args.host.containers.append(Described(args=args, env=variables))
    return docker.Container(
        name,
        name=args.container,
        hostname=None if args.joined else args.container,
        image=pulled(f"{name}-image", parent, args.host, args.runtime.image).image_id,
        command=list(args.command) or None,
        user=args.runtime.user,
        envs=env,
        read_only=args.runtime.read_only,
        tmpfs=tmpfs(args),
        capabilities={"drops": ["ALL"], "adds": list(args.runtime.add_capabilities)},
        security_opts=["no-new-privileges:true"],
        memory=args.runtime.memory,
        # Equal to memory: no swap. Left out, the provider finds a difference at every preview.
        memory_swap=args.runtime.memory,
        # "1.0", as the provider reads it back: "1" would differ at every preview.
        cpus=str(float(args.runtime.cpus)),
        log_driver="json-file",
        log_opts=LOG_OPTIONS,
        restart="unless-stopped",
        stop_timeout=args.stop_timeout,
        destroy_grace_seconds=args.stop_timeout,
        healthcheck={
            "tests": list(args.health.test),
            "interval": seconds(args.health.interval),
            "timeout": seconds(args.health.timeout),
            "retries": args.health.retries,
            "start_period": seconds(args.health.grace),
            "start_interval": seconds(args.health.start_interval),
        },
        wait=True,
        wait_timeout=args.start_timeout,
        mounts=[_mount(mount) for mount in args.mounts],
        ports=[
            {"internal": p.port, "external": p.port, "protocol": p.protocol, "ip": p.address}
            for p in args.ports
        ],
        # By id: the daemon reports it so, whatever it was given.
        network_mode=pulumi.Output.concat("container:", args.joined.id) if args.joined else None,
        networks_advanced=[
            {"name": network, "aliases": list(args.aliases) or None}
            for network in args.runtime.networks
            if not args.joined
        ],
        sysctls=dict(args.sysctls) or None,
        labels=[{"label": key, "value": value} for key, value in sorted(args.labels.items())],
        opts=options,
    )


def _mount(mount: Mount) -> ContainerMountArgsDict:
    return {
        "type": "bind",
        "source": mount.source,
        "target": mount.target,
        "read_only": mount.read_only,
    }


def seconds(value: int) -> str:
    """A duration as the Docker daemon reports it back, so that nothing differs at a refresh."""
    minutes, seconds = divmod(value, 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def http_health(port: int, path: str) -> Health:
    """Health by an HTTP request inside the container."""
    return Health(test=["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}{path}"])


def hang_up(name: str) -> str:
    """The remote text that makes a container read its configuration again, if it runs."""
    return (
        f"if docker inspect {name} >/dev/null 2>&1; then docker kill -s HUP {name} >/dev/null; fi"
    )
