"""`manacore status`: is every service healthy?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer
from pulumi import automation as auto
from rich.markup import escape
from rich.table import Table

from ops import console, health, session
from ops.failures import OpsError, told
from ops.health import Service
from ops.options import AsJson, Local, Stack
from ops.target import Target


@dataclass(frozen=True, kw_only=True)
class Found:
    """A stack's services, and what serves, watches and keeps them, which is not counted."""

    services: list[Service]
    support: list[Service]

    @property
    def healthy(self) -> bool:
        """Whether there are services, and they and their support are all healthy."""
        return bool(self.services) and all(one.healthy for one in [*self.services, *self.support])


def status(stack: Stack = "staging", as_json: AsJson = False, local: Local = False) -> None:
    """Ask every server how its services are; exit code 0 only when all are healthy."""
    with told():
        found = of(session.Session(Target.of(stack, local=local)).known())
    if as_json:
        console.answer(document(found))
    else:
        show(found)
    if not found.healthy:
        raise typer.Exit(1)


def of(stack: auto.Stack) -> Found:
    """The health of all services; raises `OpsError` when the stack is not up."""
    outputs = session.outputs(stack)
    if not outputs.get("services"):
        raise OpsError(f"The stack {stack.name} is not up: it has no services.")
    return _found(outputs)


def awaited(stack: auto.Stack, *, seconds: float) -> Found:
    """The health of all services, once all are healthy or the time is over.

    Containers that an update replaced need a moment until their first check.
    """
    outputs = session.outputs(stack)
    deadline = time.monotonic() + seconds
    while True:
        found = _found(outputs)
        if found.healthy or time.monotonic() >= deadline:
            return found
        time.sleep(2)


def _found(outputs: Mapping[str, Any]) -> Found:
    there = health.ask(outputs["servers"])
    return Found(
        services=health.judge(outputs["services"], there),
        # A state that an earlier version wrote has none.
        support=health.judge(outputs.get("support") or [], there),
    )


def document(found: Found) -> dict[str, object]:
    """The answer for programs."""
    return {
        "healthy": sum(service.healthy for service in found.services),
        "total": len(found.services),
        "services": [service.document() for service in found.services],
        "support": [service.document() for service in found.support],
    }


def show(found: Found) -> None:
    """Print the table, the reasons, and the count as the last line."""
    table = Table("service", "kind", "slot", "image", "url", "healthy")
    for service in found.services:
        mark = "[green]yes[/]" if service.healthy else f"[red]no: {escape(service.reason)}[/]"
        table.add_row(
            service.name, service.kind, service.slot or "", service.image, service.url or "", mark
        )
    console.out.print(table)
    for service in [*found.services, *found.support]:
        if not service.healthy:
            where = f"{service.name} on {service.server}"
            console.out.print(f"unhealthy: {where}: {service.reason}", markup=False)
        if service.canary:
            console.out.print(f"canary: {service.name}: {service.canary} %", markup=False)
        if service.maintenance:
            console.out.print(f"maintenance: {service.name}: {service.maintenance}", markup=False)
    healthy = sum(service.healthy for service in found.services)
    lost = ", ".join(f"{one.name} on {one.server}" for one in found.support if not one.healthy)
    without = f", without {lost}" if lost else ""
    console.out.print(f"{healthy}/{len(found.services)} services healthy{without}", markup=False)
