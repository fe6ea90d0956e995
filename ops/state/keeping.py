"""A stack's state, ledger and configuration into the backups' bucket, after every update."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pulumi import automation as auto
from rich.markup import escape

from ops import console, session
from ops.agent import Agent
from ops.failures import OpsError
from ops.state import configuration
from ops.state.document import Document, State, readable
from ops.target import ROOT, Target


def keep(stack: auto.Stack, target: Target) -> str:
    """Send a document to the bucket through the agent on the server; returns its snapshot's id.

    Raises `OpsError`, also when a secret in it would be readable.
    """
    document = taken(stack, target)
    if problems := readable(document, configuration.secrets(stack)):
        raise OpsError("The state was not sent to the bucket:", problems)
    return Agent.among(session.outputs(stack), target.stack).keep(document.text)


def keep_or_warn(stack: auto.Stack, target: Target) -> None:
    """Keep it; whatever is in the way is said aloud, as what went before has succeeded."""
    try:
        identity = keep(stack, target)
    except (OpsError, auto.CommandError) as error:
        console.err.print(
            f"[bold yellow]WARNING: the state of {target.stack} is NOT in the bucket.[/]"
        )
        for line in str(error).splitlines():
            console.err.print(f"  {escape(line)}")
        console.note(f"  Once that is mended: ./manacore state keep --stack {target.stack}")
        return
    console.note(f"State, ledger and configuration are kept in the bucket as {identity[:8]}.")


def taken(stack: auto.Stack, target: Target) -> Document:
    """The document of a stack as it is now, secrets left encrypted."""
    exported = session.encrypted(stack)
    return Document(
        stack=target.stack,
        version=int(exported.version or 3),
        state=cast("State", exported.deployment or {}),
        files={name: file.read_text(encoding="utf-8") for name, file in files(target).items()},
    )


def files(target: Target) -> dict[str, Path]:
    """The files that belong to a state, by their path in the tree."""
    ledger, configured = f"releases/{target.stack}.yaml", f"Pulumi.{target.stack}.yaml"
    return {ledger: ROOT / ledger, configured: target.folder / configured}
