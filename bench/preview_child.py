"""One preview in a process of its own, so that its CPU time is the program's alone."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from ops.garbage import not_collected

with not_collected():
    import pulumi

    # What runs a program counts, and all that the program imports.
    import_module("pulumi.automation")
    import_module("stacks.program")
    _begun = time.process_time()
    from ops.session import Session
    from ops.target import Target

    _COMMAND_LINE = time.process_time() - _begun

_PROJECT = "name: floor\nruntime: python\n"


def platform(stack: str) -> None:
    """Preview the stack of the local cloud; all CPU of this process counts, imports too.

    But for those of the command line itself, which `pulumi preview` does without.
    """
    _report(Session(Target.of(stack, local=True)), since=_COMMAND_LINE)


def floor(stack: str, count: int) -> None:
    """Preview as many random ids, all unchanged; only the preview counts."""
    random = import_module("pulumi_random")

    def program() -> None:
        provider = random.Provider("random")
        for number in range(count):
            random.RandomId(
                f"id-{number}", byte_length=4, opts=pulumi.ResourceOptions(provider=provider)
            )

    local = Target.of(stack, local=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Pulumi.yaml").write_text(_PROJECT)
        target = replace(
            local,
            stack="floor",
            folder=folder,
            variables={**local.variables, "PULUMI_BACKEND_URL": folder.as_uri()},
        )
        session = Session(target, program)
        session.stack().up()
        _report(session, since=_cpu())


def _report(session: Session, since: float) -> None:
    stack = session.stack()
    begun = time.monotonic()
    found = session.preview(stack)
    wall = time.monotonic() - begun
    resources = sum(found.summary.values())
    changes = resources - found.summary.get("same", 0)
    cpu = _cpu() - since
    print(json.dumps({"cpu": cpu, "wall": wall, "resources": resources, "changes": changes}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    if sys.argv[1] == "platform":
        platform(sys.argv[2])
    else:
        floor(sys.argv[2], int(sys.argv[3]))
