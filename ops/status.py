"""`manacore status`: is every service healthy?"""

from __future__ import annotations

import time
from collections.abc import Sequence

import typer
from pulumi import automation as auto
from rich.markup import escape
from rich.table import Table

from ops import console, health, session
from ops.failures import OpsError, told
from ops.health import Service
from ops.options import AsJson, Local, Stack
from ops.target import Target


def status(stack: Stack = "staging", as_json: AsJson = False, local: Local = False) -> None:
    """Ask every server how its services are; exit code 0 only when all are healthy."""
    with told():
        found = of(session.Session(Target.of(stack, local=local)).known())
    if as_json:
        console.answer(document(found))
    else:
        show(found)
    if not all_healthy(found):
        raise typer.Exit(1)


def of(stack: auto.Stack) -> list[Service]:
    """The health of all services; raises `OpsError` when the stack is not up."""
    outputs = session.outputs(stack)
    if not outputs.get("services"):
        raise OpsError(f"The stack {stack.name} is not up: it has no services.")
    return health.judge(outputs["services"], health.ask(outputs["servers"]))


def awaited(stack: auto.Stack, *, seconds: float) -> list[Service]:
    """The health of all services, once all are healthy or the time is over.

    Containers that an update replaced need a moment until their first check.
    """
    outputs = session.outputs(stack)
    deadline = time.monotonic() + seconds
    while True:
        found = health.judge(outputs["services"], health.ask(outputs["servers"]))
        if all_healthy(found) or time.monotonic() >= deadline:
            return found
        time.sleep(2)


def all_healthy(found: Sequence[Service]) -> bool:
    """Whether there are services and every one is healthy."""
    return bool(found) and all(service.healthy for service in found)


def document(found: Sequence[Service]) -> dict[str, object]:
    """The answer for programs."""
    return {
        "healthy": sum(service.healthy for service in found),
        "total": len(found),
        "services": [service.document() for service in found],
    }


def show(found: Sequence[Service]) -> None:
    """Print the table, the reasons, and the count as the last line."""
    table = Table("service", "kind", "slot", "image", "url", "healthy")
    for service in found:
        mark = "[green]yes[/]" if service.healthy else f"[red]no: {escape(service.reason)}[/]"
        table.add_row(
            service.name, service.kind, service.slot or "", service.image, service.url or "", mark
        )
    console.out.print(table)
    for service in found:
        if not service.healthy:
            console.out.print(f"unhealthy: {service.name}: {service.reason}", markup=False)
        if service.canary:
            console.out.print(f"canary: {service.name}: {service.canary} %", markup=False)
        if service.maintenance:
            console.out.print(f"maintenance: {service.name}: {service.maintenance}", markup=False)
    healthy = sum(service.healthy for service in found)
    console.out.print(f"{healthy}/{len(found)} services healthy")
