"""What a drill found, as a table for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.drill.plan import Variant


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A step of a drill."""

    name: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a drill found.

    `rto_seconds` are from the loss until all is up and its data there. `rpo_seconds` are what was
    written last and is lost: from the newest row that is there again to the loss; 0 when none is
    lost, None when none of the drill's rows came back. `same_certificate` is None when nobody
    answers.
    """

    stack: str
    variant: Variant
    commit: str
    began: datetime
    steps: Sequence[Timed]
    rto_seconds: float
    rpo_seconds: float | None
    rows_written: int
    rows_lost: int
    rows_compared: int
    tables_compared: int
    differing: Sequence[str]
    healthy: int
    services: int
    changes: dict[str, int]
    stray_records: Sequence[str]
    same_certificate: bool | None

    @property
    def problems(self) -> list[str]:
        """What is not as it was; what was written after the last backup is no problem, but RPO."""
        found = [*self.differing]
        if self.healthy != self.services:
            found.append(f"{self.healthy} of {self.services} services are healthy")
        if self.changes:
            found.append(f"a preview has changes: {self.changes}")
        found += [f"DNS: {record} does not point to a server" for record in self.stray_records]
        if self.rpo_seconds is None:
            found.append("none of the drill's rows came back")
        if self.rows_lost and not self.variant.loses_data:
            found.append(f"{self.rows_lost} rows are lost")
        return found

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        found = {**asdict(self), "began": self.began.isoformat(), "variant": self.variant.value}
        return {**found, "problems": self.problems}

    def text(self) -> str:
        """As people read it."""
        out = StringIO()
        show(self, Console(file=out, width=100, highlight=False))
        return out.getvalue()

    def write(self, folder: Path) -> Path:
        """Write both into a folder; returns the JSON file."""
        there = folder / self.stack
        there.mkdir(parents=True, exist_ok=True)
        file = there / f"{self.began:%Y%m%dT%H%M%SZ}-{self.variant}.json"
        file.write_text(json.dumps(self.document(), indent=2) + "\n", encoding="utf-8")
        file.with_suffix(".txt").write_text(self.text(), encoding="utf-8")
        return file


def show(report: Report, out: Console) -> None:
    """Print it."""
    steps = Table("step", "seconds", title=f"drill of {report.stack}: {report.variant} lost")
    for step in report.steps:
        steps.add_row(escape(step.name), f"{step.seconds:.1f}")
    out.print(steps)
    found = Table("what", "found", show_header=False)
    certificate = {True: "the one from before", False: "another one", None: "none answers"}
    for what, value in (
        ("RTO, from the loss until all is back", _minutes(report.rto_seconds)),
        ("RPO, what was written last and is lost", _minutes(report.rpo_seconds)),
        ("rows written by the drill, and lost", f"{report.rows_written}, {report.rows_lost}"),
        (
            "tables compared, with rows",
            f"{report.tables_compared}, {report.rows_compared}: {len(report.differing)} differ",
        ),
        ("services healthy", f"{report.healthy}/{report.services}"),
        ("changes in the next preview", str(sum(report.changes.values()))),
        ("records that point elsewhere", str(len(report.stray_records))),
        ("certificate", certificate[report.same_certificate]),
        ("commit", report.commit),
    ):
        found.add_row(what, value)
    out.print(found)
    for problem in report.problems:
        out.print(f"problem: {problem}", markup=False)


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "all"
    return f"{seconds:.0f} s ({seconds / 60:.1f} min)"
