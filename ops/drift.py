"""Noticing what changed behind the program's back, before an update, and cheaply.

A full refresh asks every vendor about every resource, and hangs on a server that is gone. Here the
cloud is asked first. A server that is still there is asked by two ssh commands what it has:
containers, networks, and the files that containers mount. Only what is missing, stopped or altered
is refreshed, or marked to be written again, so that the update mends it. The pointers by which an
edge finds the live slots are such files too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pulumi import automation as auto

from components.docker.files import digest_of
from components.edge import pointers
from ops import console, files, health
from ops.health import Containers
from ops.progress import resource
from ops.session import encrypted, outputs, resources

SERVER = "hcloud:index/server:Server"
CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
HOST = "manacore:docker:Host"
FILES = "manacore:docker:Files"
EDGE = "manacore:edge:Edge"
COMMAND = "command:local:Command"
Resource = Mapping[str, Any]
Servers = Mapping[str, Mapping[str, Any]]


def check(stack: auto.Stack) -> list[str]:
    """Let the state know what is not as it was left; says what that is, by name.

    An empty stack has no drift.
    """
    before = resources(stack)
    cloud = [_urn(found) for found in before if str(found["type"]).startswith("hcloud:")]
    if not cloud:
        return []
    stack.refresh(target=cloud, color="never")
    lost = gone(before, resources(stack))
    servers = cast("Servers", outputs(stack).get("servers") or {})
    if servers and not any(_type_of(urn) == SERVER for urn in lost):
        lost += _on_servers(stack, servers)
    for urn in lost:
        console.note(f"  changed behind the program's back: {resource(urn)}")
    return lost


def _on_servers(stack: auto.Stack, servers: Servers) -> list[str]:
    """What containers, networks and files of the servers are not as they were left.

    A server that does not answer is the update's business: it says so, with the reason.
    """
    there = health.ask(servers)
    if any(found.unreachable for found in there.values()):
        return []
    held = State(stack.name, resources(stack))
    if missing := held.absent(there):
        stack.refresh(target=missing, color="never")
    stale = [
        urn
        for server, folders in held.folders().items()
        if server in servers
        for urn in files.altered(servers[server], folders)
    ]
    if stale:
        exported = encrypted(stack)
        exported.deployment = forgotten(cast("dict[str, Any]", exported.deployment), stale)
        stack.import_stack(exported)
    return [*missing, *stale]


def gone(before: Iterable[Resource], after: Iterable[Resource]) -> list[str]:
    """What the state had and has no more."""
    kept = {_urn(found) for found in after}
    return [_urn(found) for found in before if _urn(found) not in kept]


def forgotten(deployment: Mapping[str, Any], stale: Sequence[str]) -> dict[str, Any]:
    """The state in which these files were never written: by URN, components or their commands.

    The command keeps its id, so what depends on it stays; but it has another input than the
    program's, and the update writes the files again.
    """
    result = dict(deployment)
    result["resources"] = [
        {
            **found,
            # A plugin may compare the program's inputs with either.
            **{
                half: {**found[half], "stdin": ""}
                for half in ("inputs", "outputs")
                if found.get(half)
            },
        }
        if found["type"] == COMMAND and (found["urn"] in stale or found.get("parent") in stale)
        else found
        for found in cast("list[dict[str, Any]]", result["resources"])
    ]
    return result


@dataclass(frozen=True)
class State:
    """A stack's resources, by the server that they are on."""

    stack: str
    resources: Sequence[Resource]

    def absent(self, there: Mapping[str, Containers]) -> list[str]:
        """Containers that are missing or stopped, and networks that are missing."""
        found: list[str] = []
        for server, held in self._by_server(CONTAINER, NETWORK):
            if server not in there:
                continue
            name = str(cast("Resource", held.get("outputs") or {}).get("name"))
            running = there[server].running
            if name not in (running if held["type"] == CONTAINER else there[server].networks):
                found.append(_urn(held))
        return found

    def folders(self) -> dict[str, dict[str, tuple[str, str]]]:
        """By server: the URN of each folder of files, with its path and its digest."""
        found: dict[str, dict[str, tuple[str, str]]] = {}
        for server, held in self._by_server(FILES, COMMAND):
            folder = _pointers(held) if held["type"] == COMMAND else _written(held)
            if folder:
                found.setdefault(server, {})[_urn(held)] = folder
        return found

    def _by_server(self, *kinds: str) -> Iterator[tuple[str, Resource]]:
        parents = {_urn(held): str(held.get("parent") or "") for held in self.resources}
        for held in self.resources:
            if held["type"] not in kinds:
                continue
            urn = _urn(held)
            while urn and _type_of(urn) != HOST:
                urn = parents.get(urn, "")
            if urn:
                yield urn.rsplit("::", 1)[-1].removeprefix(f"{self.stack}-"), held


def _written(held: Resource) -> tuple[str, str] | None:
    known = cast("Resource", held.get("outputs") or {})
    return (str(known["folder"]), str(known["digest"])) if "digest" in known else None


def _pointers(held: Resource) -> tuple[str, str] | None:
    edge, name = str(held.get("parent") or ""), _urn(held).rsplit("::", 1)[-1]
    if not edge or _type_of(edge) != EDGE or not name.endswith(f"-{pointers.RESOURCE}"):
        return None
    bundle = json.loads(cast("Resource", held.get("inputs") or {}).get("stdin") or "{}")
    return f"{pointers.FOLDER}/{pointers.LIVE}", digest_of(bundle.get("files") or {})


def _urn(found: Resource) -> str:
    return str(found["urn"])


def _type_of(urn: str) -> str:
    # urn:pulumi:stack::project::parents$type::name
    return urn.split("::")[2].rsplit("$", 1)[-1]
