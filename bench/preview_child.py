"""One preview in a process of its own, so that its CPU time is the program's alone."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import pulumi
import pulumi_random as random
from pulumi import automation as auto

from ops.target import Target


def platform(stack: str) -> None:
    """Preview the stack of the local cloud."""
    from stacks.program import program  # noqa: PLC0415 - its import is part of what is measured

    target = Target.of(stack, local=True)
    selected = auto.select_stack(
        stack_name=stack,
        project_name="manacore",
        program=program,
        work_dir=str(target.folder),
        opts=_options(target),
    )
    _report(selected)


def floor(stack: str, count: int) -> None:
    """Preview as many random ids, all unchanged."""
    target = Target.of(stack, local=True)

    def program() -> None:
        provider = random.Provider("random")
        for number in range(count):
            random.RandomId(
                f"id-{number}", byte_length=4, opts=pulumi.ResourceOptions(provider=provider)
            )

    with tempfile.TemporaryDirectory() as folder:
        options = _options(target)
        variables = {**target.variables, "PULUMI_BACKEND_URL": Path(folder).as_uri()}
        options.env_vars = variables
        selected = auto.create_or_select_stack(
            stack_name="floor", project_name="floor", program=program, opts=options
        )
        selected.up()
        _report(selected)


def _options(target: Target) -> auto.LocalWorkspaceOptions:
    os.environ["PATH"] = f"{target.engine.parent}:{os.environ['PATH']}"
    return auto.LocalWorkspaceOptions(env_vars=dict(target.variables))


def _report(selected: auto.Stack) -> None:
    before, begun = _cpu(), time.monotonic()
    summary = selected.preview().change_summary
    wall = time.monotonic() - begun
    # Imports happened before: for the platform they count, for the floor only the preview does.
    cpu = _cpu() if selected.name != "floor" else _cpu() - before
    resources = sum(summary.values())
    changes = resources - summary.get("same", 0)  # pyright: ignore[reportArgumentType, reportCallIssue]
    print(json.dumps({"cpu": cpu, "wall": wall, "resources": resources, "changes": changes}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    if sys.argv[1] == "platform":
        platform(sys.argv[2])
    else:
        floor(sys.argv[2], int(sys.argv[3]))
