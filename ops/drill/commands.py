"""`manacore drill`: lose something for real, and bring it back by the runbook."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from localcloud.steps import Steps
from ops import console
from ops.drill import report as reports
from ops.drill.loss import refuse_real
from ops.drill.plan import Variant
from ops.drill.rebuild import Drill, manacore
from ops.failures import told
from ops.options import AsJson, Local, Stack
from ops.target import ROOT, Target

REPORTS = ROOT / "drills"


class Kind(StrEnum):
    """Which drill."""

    REBUILD = "rebuild"


Asked = Annotated[Kind, typer.Argument(help="Lose it, and rebuild it.")]
Lost = Annotated[Variant, typer.Option("--variant", help="What is lost.")]


def drill(
    kind: Asked,
    variant: Lost = Variant.SERVER,
    stack: Stack = "staging",
    as_json: AsJson = False,
    local: Local = False,
) -> None:
    """Lose a server, a volume, the state or everything, and rebuild it by the stopwatch.

    On the local cloud only. Exit code 0 only when all came back; the report is in drills/.
    """
    del kind  # there is one so far
    with told():
        target = Target.of(stack, local=local)
        refuse_real(target)
        done = Drill(target, variant, Steps.taken_over(), manacore(target)).rebuild()
        file = done.write(REPORTS)
    if as_json:
        console.answer(done.document())
    else:
        reports.show(done, console.out)
    console.note(f"Report: {file.relative_to(ROOT)}")
    if done.problems:
        raise typer.Exit(1)
