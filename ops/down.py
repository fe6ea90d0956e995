"""`manacore down`: destroy the stack; with --local, the local cloud too."""

from __future__ import annotations

from typing import Annotated

import typer
from pulumi import automation as auto

from localcloud.cloud import LocalCloud
from localcloud.home import Home
from localcloud.steps import Steps
from ops import console, converge, lock, server_lock
from ops.failures import OpsError, told
from ops.options import AsJson, Local, Parallel, Stack
from ops.progress import resource
from ops.session import PARALLEL, Session, outputs, resources
from ops.target import Target

_WHAT = "a down"
Keep = Annotated[
    bool, typer.Option("--keep-cloud", help="With --local: destroy the stack, keep the cloud.")
]


def down(
    stack: Stack = "staging",
    as_json: AsJson = False,
    local: Local = False,
    parallel: Parallel = PARALLEL,
    keep_cloud: Keep = False,
) -> None:
    """Destroy the stack. Real clouds: asks for the stack's name first."""
    steps = Steps.taken_over()
    with told():
        if not local:
            _confirmed(stack)
            _destroy(Target.of(stack, local=False), steps, parallel)
        elif keep_cloud:
            _destroy(Target.of(stack, local=True), steps, parallel)
        else:
            _remove_local_cloud(steps)
    if as_json:
        console.answer({"down": stack})
    else:
        console.note(steps.table())


def _remove_local_cloud(steps: Steps) -> None:
    """Remove all of it. The clouds go with everything in them, so no stack is destroyed first:
    that would only take longer, and could fail."""
    LocalCloud(Home.from_environment(), steps).down()


def _destroy(target: Target, steps: Steps, parallel: int) -> None:
    session = Session(target)
    with (
        lock.held(Home.from_environment().locks, target.stack, _WHAT),
        steps.step(f"pulumi destroy of {target.stack}"),
    ):
        opened = session.stack()
        converge.recover(opened, target)
        _refuse_protected(opened, target.stack)
        with server_lock.held(outputs(opened), target.stack, _WHAT):
            pass  # not for longer: the server that keeps it goes with the stack
        session.run(
            "destroy",
            lambda out, event: opened.destroy(
                parallel=parallel, color="never", on_output=out, on_event=event
            ),
        )


def _refuse_protected(stack: auto.Stack, name: str) -> None:
    """The engine meets a protected resource only when it has destroyed what depends on it."""
    protected = [resource(str(found["urn"])) for found in resources(stack) if found.get("protect")]
    if protected:
        raise OpsError(
            f"{name} is protected; nothing was touched:",
            [
                *protected,
                f"To destroy it on purpose: pulumi config set manacore:protect false --stack {name}"
                f", ./manacore up --stack {name}, and again.",
            ],
        )


def _confirmed(stack: str) -> None:
    typed = typer.prompt(f"This destroys {stack} and its data. Type the stack's name to go on")
    if typed.strip() != stack:
        raise OpsError("Not confirmed; nothing was touched.")
