"""`manacore up`: make the clouds what the program says."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Annotated, Any

import typer

from catalog import InvalidInputError
from localcloud import engine, stack_config
from localcloud.cloud import LocalCloud
from localcloud.docker_daemon import DaemonError
from localcloud.home import Home
from localcloud.processes import NotReadyError
from localcloud.steps import Steps
from ops import console, converge, drift, lock, server_lock, status
from ops.failures import InvalidInput, OpsError, told
from ops.options import AsJson, Local, Parallel, Stack
from ops.release import recovery, stale
from ops.session import PARALLEL, Session, outputs
from ops.state.keeping import keep_or_warn
from ops.target import Target

_WHAT = "an up"
Refresh = Annotated[
    bool | None,
    typer.Option(
        help="Read every resource's state first, or nothing; by default servers and containers."
    ),
]

Flip = Annotated[
    bool,
    typer.Option(
        "--flip", help="Let the ledger's versions answer also where others are live by now."
    ),
]


def up(
    stack: Stack = "staging",
    as_json: AsJson = False,
    local: Local = False,
    parallel: Parallel = PARALLEL,
    refresh: Refresh = None,
    flip: Flip = False,
) -> None:
    """Bring the stack up; with --local, the local cloud first."""
    steps = Steps.taken_over()
    with told():
        if local:
            bring_up(LocalCloud(Home.from_environment(), steps), stack)
        target = Target.of(stack, local=local)
        session = Session(target)
        with ExitStack() as kept:
            kept.enter_context(lock.held(Home.from_environment().locks, stack, _WHAT))
            with steps.step("recovery"):
                opened = session.stack()
                live = outputs(opened)
                kept.enter_context(server_lock.held(live, stack, _WHAT))
                converge.recover(opened, target)
                # What is wrong with a ledger, the program says, with all else that is.
                with suppress(InvalidInput):
                    recovery.mend(stack)
                if not flip:
                    _refuse_to_flip(stack, live)
            if refresh is None:
                with steps.step("drift"):
                    session.run("drift", lambda _out, _event: drift.check(opened))
            with steps.step(f"pulumi up of {stack}"):
                made = session.up(opened, parallel=parallel, refresh=bool(refresh))
        with steps.step("health"):
            found = status.awaited(opened, seconds=120)
        with steps.step("state into the bucket"):
            keep_or_warn(opened, target)
    if as_json:
        console.answer({"changes": made.changes, **status.document(found)})
    else:
        console.note(steps.table())
        status.show(found)
    if not found.healthy:
        raise typer.Exit(1)


def _refuse_to_flip(stack: str, live: Mapping[str, Any]) -> None:
    with suppress(InvalidInput):
        unsettled = recovery.unsettled(recovery.RECEIPTS, stack)
        stale.refuse(recovery.read(stack), live, stack, unsettled)


def bring_up(cloud: LocalCloud, stack: str) -> None:
    """Bring the local cloud up, with its failures told in our way."""
    # Heavy, and only here.
    from localcloud.images.model import ImageError  # noqa: PLC0415
    from localcloud.machines.machine import MachineError  # noqa: PLC0415

    try:
        cloud.up(stack)
    except InvalidInputError as error:
        raise InvalidInput([str(problem) for problem in error.problems]) from error
    except (
        engine.EngineError,
        stack_config.StackConfigError,
        DaemonError,
        NotReadyError,
        ImageError,
        MachineError,
    ) as error:
        raise OpsError("The local cloud did not come up:", str(error).splitlines()) from error
