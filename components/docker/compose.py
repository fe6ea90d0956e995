"""The same containers as a compose file on the server, for a night when only Docker is at hand.

`docker compose -f /srv/manacore/compose/compose.yaml up -d --no-deps NAME` makes a container again
exactly as the program made it. Secrets are not in it: it mounts the same files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import pulumi

from components.component import Component
from components.docker.container import LOG_OPTIONS, ContainerArgs, Described, seconds, tmpfs
from components.docker.files import Files, FilesArgs
from components.docker.host import Host


@dataclass(frozen=True, kw_only=True)
class ComposeArgs:
    """All containers of a server, and its networks."""

    host: Host
    containers: Sequence[Described]
    networks: Sequence[str]


class Compose(Component):
    """The break-glass compose file of a server."""

    token: ClassVar[str] = "manacore:docker:Compose"
    path: pulumi.Output[str]

    def __init__(self, name: str, args: ComposeArgs, opts: pulumi.ResourceOptions | None = None):
        """Write the file."""
        super().__init__(name, opts)
        known = [_described(container) for container in args.containers]
        text = pulumi.Output.all(*known).apply(
            lambda found: _document(cast(Sequence[str], found), args.networks)
        )
        files = Files(
            f"{name}-compose",
            FilesArgs(host=args.host, folder="compose", files={"compose.yaml": text}),
            self.child_options(),
        )
        self.path = files.folder.apply(lambda folder: f"{folder}/compose.yaml")
        self.register()


def _described(container: Described) -> pulumi.Output[str]:
    """A container as JSON.

    Text, and the environment not among what is awaited: of everything in a mapping or a list that
    `Output.all` is given, keys too, the SDK makes an output: a third of all in a preview.
    """
    sources = [mount.source for mount in container.args.mounts]
    return container.env.apply(
        lambda env: pulumi.Output.all(*sources).apply(
            lambda found: json.dumps(_service(container.args, env, found))
        )
    )


def _document(texts: Sequence[str], networks: Sequence[str]) -> str:
    """Compose reads JSON as YAML; a dollar sign in it would be a variable of its own."""
    services: list[dict[str, Any]] = [json.loads(text) for text in texts]
    document = {
        "name": "manacore",
        "services": {service["container_name"]: service for service in services},
        "networks": {name: {"external": True, "name": name} for name in networks},
    }
    return json.dumps(document, indent=1, sort_keys=True).replace("$", "$$")


def _service(args: ContainerArgs, env: Mapping[str, str], sources: Sequence[str]) -> dict[str, Any]:
    runtime, health = args.runtime, args.health
    memory = f"{runtime.memory}m"
    service: dict[str, Any] = {
        "image": runtime.image,
        "container_name": args.container,
        "user": runtime.user,
        "environment": dict(env),
        "read_only": runtime.read_only,
        "tmpfs": [f"{path}:{options}" for path, options in tmpfs(args).items()],
        "cap_drop": ["ALL"],
        "cap_add": list(runtime.add_capabilities),
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "cpus": runtime.cpus,
        "logging": {"driver": "json-file", "options": LOG_OPTIONS},
        "restart": "unless-stopped",
        "stop_grace_period": seconds(args.stop_timeout),
        "healthcheck": {
            "test": list(health.test),
            "interval": seconds(health.interval),
            "timeout": seconds(health.timeout),
            "retries": health.retries,
            "start_period": seconds(health.grace),
            "start_interval": seconds(health.start_interval),
        },
        "volumes": [
            {"type": "bind", "source": source, "target": m.target, "read_only": m.read_only}
            for m, source in zip(args.mounts, sources, strict=True)
        ],
        "ports": [
            {
                "target": p.port,
                "published": str(p.port),
                "protocol": p.protocol,
                "host_ip": p.address,
            }
            for p in args.ports
        ],
        "labels": dict(args.labels),
    }
    if args.joined:
        # By the container and not by its service: that one may be the program's, not Compose's.
        service["network_mode"] = f"container:{args.joined.container}"
        service["depends_on"] = {args.joined.container: {"condition": "service_healthy"}}
    else:
        service["hostname"] = args.container
        named = {"aliases": list(args.aliases)}
        service["networks"] = (
            dict.fromkeys(runtime.networks, named) if args.aliases else list(runtime.networks)
        )
    if args.sysctls:
        service["sysctls"] = dict(args.sysctls)
    if args.command:
        service["command"] = list(args.command)
    return service
