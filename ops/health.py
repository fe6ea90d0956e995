"""Whether each service's container runs, is healthy, and is the one that was asked for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

from ops import ssh
from ops.failures import OpsError

# One question per server, however many containers it has. Containers name their image by its
# id, so the ids of the names are asked for as well.
_CONTAINER = '{"name":{{json .Name}},"id":{{json .Image}},"state":{{json .State}}}'
_IMAGE = (
    '{"reference":"{{.Repository}}:{{.Tag}}","digest":"{{.Repository}}@{{.Digest}}",'
    '"id":{{json .ID}}}'
)
_NETWORK = '{"network":"{{.Name}}"}'
_QUESTION = (
    "docker ps --all --quiet | xargs --no-run-if-empty docker inspect --format "
    + f"{shlex.quote(_CONTAINER)}; "
    + f"docker image ls --no-trunc --digests --format {shlex.quote(_IMAGE)}; "
    + f"docker network ls --format {shlex.quote(_NETWORK)}"
)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service as the stack's outputs name it, and how it is."""

    name: str
    kind: str
    slot: str | None
    image: str
    url: str | None
    server: str
    container: str
    healthy: bool
    reason: str = ""
    canary: int | None = None
    maintenance: str | None = None

    def document(self) -> dict[str, object]:
        """The service for programs."""
        return {
            "name": self.name,
            "kind": self.kind,
            "slot": self.slot,
            "image": self.image,
            "healthy": self.healthy,
            "url": self.url,
            "server": self.server,
            "container": self.container,
            **({"reason": self.reason} if self.reason else {}),
            **({"canary": self.canary} if self.canary else {}),
            **({"maintenance": self.maintenance} if self.maintenance else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Containers:
    """What a server's Docker told: its containers by name, or why it could not be asked."""

    by_name: Mapping[str, Mapping[str, Any]]
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    networks: frozenset[str] = frozenset()
    unreachable: str = ""

    @property
    def running(self) -> frozenset[str]:
        """The names of the containers that run."""
        return frozenset(
            name for name, found in self.by_name.items() if found["state"].get("Running")
        )


def ask(servers: Mapping[str, Mapping[str, Any]]) -> dict[str, Containers]:
    """Ask all servers at once; `servers` is the stack's output of that name."""
    if not servers:
        return {}
    with ThreadPoolExecutor(len(servers)) as pool:
        return dict(zip(servers, pool.map(_ask, servers.values()), strict=True))


def judge(
    services: Sequence[Mapping[str, Any]], containers: Mapping[str, Containers]
) -> list[Service]:
    """Every service of the outputs with its health, in their order."""
    return [_judged(service, containers) for service in services]


def _judged(service: Mapping[str, Any], containers: Mapping[str, Containers]) -> Service:
    there = containers.get(str(service["server"]), Containers(by_name={}, unreachable="no server"))
    reason = there.unreachable or unhealthy(
        there.by_name.get(str(service["container"])), str(service["image"]), there.images
    )
    return Service(
        name=str(service["name"]),
        kind=str(service["kind"]),
        slot=service.get("slot"),
        image=str(service["image"]),
        url=service.get("url"),
        server=str(service["server"]),
        container=str(service["container"]),
        healthy=not reason,
        reason=reason,
        canary=service.get("canary"),
        maintenance=service.get("maintenance"),
    )


def unhealthy(container: Mapping[str, Any] | None, image: str, images: Mapping[str, str]) -> str:
    """Why a container is not healthy; empty when it is. `images` has the ids of the names."""
    if container is None:
        return "has no container"
    state = cast("Mapping[str, Any]", container["state"])
    if not state.get("Running"):
        code = state.get("ExitCode", "?")
        return (
            f"{state.get('Status', 'stopped')} (exit code {code}) {state.get('Error', '')}".strip()
        )
    if container["id"] != images.get(short(image)):
        others = [name for name, identity in images.items() if identity == container["id"]]
        return f"runs {others[0] if others else container['id']} instead of {image}"
    health = cast("Mapping[str, Any]", state.get("Health") or {})
    if not health:
        return "has no health check"
    if health.get("Status") != "healthy":
        log = cast("list[Mapping[str, Any]]", health.get("Log") or [])
        said = str(log[-1].get("Output", "")).strip() if log else ""
        return f"{health.get('Status')}: {said[:200]}" if said else str(health.get("Status"))
    return ""


def _ask(server: Mapping[str, Any]) -> Containers:
    try:
        done = ssh.run(server, _QUESTION)
    except OpsError as error:
        return Containers(by_name={}, unreachable=f"server cannot be asked: {error.message}")
    if done.returncode != 0:
        return Containers(by_name={}, unreachable=f"server cannot be asked: {ssh.reason(done)}")
    return parsed(done.stdout)


def parsed(told: str) -> Containers:
    """The containers, images and networks by name, from one line of JSON each."""
    lines = [cast("dict[str, Any]", json.loads(line)) for line in told.splitlines() if line]
    return Containers(
        by_name={str(line["name"]).removeprefix("/"): line for line in lines if "name" in line},
        images={
            str(line[name]): line["id"]
            for line in lines
            if "reference" in line
            for name in ("reference", "digest")
            if name in line
        },
        networks=frozenset(str(line["network"]) for line in lines if "network" in line),
    )


def short(reference: str) -> str:
    """An image's name as Docker lists it.

    Without Docker Hub's own host and folder; one that was pulled by its digest has no tag.
    """
    name, at, digest = reference.removeprefix("docker.io/").removeprefix("library/").partition("@")
    return f"{name.rpartition(':')[0]}@{digest}" if at else name
