"""Noticing what changed behind the program's back, before an update, and cheaply.

A full refresh asks every vendor about every resource, and hangs on a server that is gone. Here the
cloud is asked first; a server that is still there is asked once, by one ssh command, which
containers it has; only what is missing is refreshed, so that the update makes it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pulumi import automation as auto

from ops import console, health
from ops.progress import resource
from ops.session import outputs

SERVER = "hcloud:index/server:Server"
CONTAINER = "docker:index/container:Container"
Resource = Mapping[str, Any]


def check(stack: auto.Stack) -> list[str]:
    """Forget what is gone; says what that was, by name.

    An empty stack has no drift.
    """
    before = _resources(stack)
    cloud = [_urn(found) for found in before if str(found["type"]).startswith("hcloud:")]
    if not cloud:
        return []
    stack.refresh(target=cloud, color="never")
    after = _resources(stack)
    lost = gone(before, after)
    servers = cast("Mapping[str, Mapping[str, Any]]", outputs(stack).get("servers") or {})
    if servers and not any(_type_of(urn) == SERVER for urn in lost):
        there = health.ask(servers)
        # A server that does not answer is the update's business: it says so, with the reason.
        if not any(found.unreachable for found in there.values()):
            names = {name for found in there.values() for name in found.by_name}
            if missing := absent(after, names):
                stack.refresh(target=missing, color="never")
                lost += missing
    for urn in lost:
        console.note(f"  gone behind the program's back: {resource(urn)}")
    return lost


def gone(before: Iterable[Resource], after: Iterable[Resource]) -> list[str]:
    """What the state had and has no more."""
    kept = {_urn(found) for found in after}
    return [_urn(found) for found in before if _urn(found) not in kept]


def absent(resources: Iterable[Resource], names: set[str]) -> list[str]:
    """The containers of the state that no server has."""
    return [
        _urn(found)
        for found in resources
        if found["type"] == CONTAINER
        and str(cast("Resource", found.get("outputs") or {}).get("name")) not in names
    ]


def _resources(stack: auto.Stack) -> Sequence[Resource]:
    state = cast("Mapping[str, Any]", stack.export_stack().deployment or {})
    return cast("Sequence[Resource]", state.get("resources") or [])


def _urn(found: Resource) -> str:
    return str(found["urn"])


def _type_of(urn: str) -> str:
    # urn:pulumi:stack::project::parents$type::name
    return urn.split("::")[2].rsplit("$", 1)[-1]
