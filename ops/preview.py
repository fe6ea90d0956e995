"""`manacore preview`: what an `up` would change."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from ops import console
from ops.failures import told
from ops.options import AsJson, Local, Parallel, Stack
from ops.progress import Progress, resource
from ops.session import PARALLEL, Session
from ops.target import Target

Refresh = Annotated[bool, typer.Option(help="Read what really exists first.")]


def preview(
    stack: Stack = "staging",
    as_json: AsJson = False,
    local: Local = False,
    parallel: Parallel = PARALLEL,
    refresh: Refresh = False,
) -> None:
    """Show what an up would change, and touch nothing."""
    with told():
        session = Session(Target.of(stack, local=local))
        found = session.preview(session.stack(), parallel=parallel, refresh=refresh)
    show(found, as_json=as_json)


def show(found: Progress, *, as_json: bool) -> None:
    """Print the planned changes."""
    if as_json:
        planned = [{"urn": urn, "op": op} for urn, op in found.planned.items()]
        console.answer({"changes": found.changes, "resources": planned})
        return
    if not found.changes:
        console.out.print(f"No changes ({found.summary.get('same', 0)} resources).")
        return
    for urn, op in found.planned.items():
        console.out.print(f"  {op:<20} {escape(resource(urn))}")
    console.out.print(", ".join(f"{count} to {kind}" for kind, count in found.changes.items()))
