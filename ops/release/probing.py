"""A prober in a process of its own: what it measures is the platform, and not the command.

A release keeps its own interpreter busy for seconds at a time, with a program of some hundred
resources. A prober in a thread of it is as late, and takes that for answers that never came.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from ops.release.probe_report import ProbeReport
from ops.release.prober import PATIENCE_SECONDS, Prober, checked
from ops.release.probes.pace import Pace
from ops.release.probes.target import Target
from ops.release.stats import Stats

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the other process probes: the first line that it is told; each later one is a mark."""

    targets: Sequence[Target]
    pace: Pace


_TASK = TypeAdapter(Task)


class Probing:
    """As a `Prober`, from the start of a `with` block to its end; it never fails the release.

    with Probing(targets) as probing:
        probing.mark("flip")
    report = probing.report()
    """

    def __init__(self, targets: Sequence[Target], pace: Pace | None = None) -> None:
        """Check the targets; nothing is sent yet. Raises as `Prober`."""
        self._task = Task(targets=targets, pace=pace or Pace())
        checked(self._task.targets, self._task.pace)
        self._stats = Stats(target.host for target in targets)
        self._seen: ProbeReport | None = None

    def __enter__(self) -> Self:
        """Begin to probe."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops.release.probing"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the command, which ends the probing when it has put things right.
            start_new_session=True,
        )
        self._tell(_TASK.dump_json(self._task).decode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and wait for the outcome of what is under way."""
        pace = self._task.pace
        try:
            told, said = self._process.communicate(
                timeout=pace.connect_seconds + pace.answer_seconds + 2 * PATIENCE_SECONDS
            )
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            self._stats.end("did not stop in time")
            return
        try:
            self._seen = ProbeReport.model_validate_json(told)
        except ValidationError:
            last = said.strip().splitlines()[-1:] or [f"exit code {self._process.returncode}"]
            self._stats.end(f"ended without a report: {last[0]}")

    def mark(self, name: str) -> None:
        """Begin a phase of the report, such as `flip`."""
        self._tell(json.dumps(name))

    def report(self) -> ProbeReport:
        """What was seen, after the block; without figures when the other process was lost."""
        return self._seen or self._stats.report()

    def _tell(self, line: str) -> None:
        # That it is gone is said by the report.
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


def main() -> None:
    """Probe what standard input says until it ends, also because who asked is gone; then report."""
    task = _TASK.validate_json(sys.stdin.readline())
    with Prober(task.targets, task.pace) as prober:
        for line in sys.stdin:
            prober.mark(json.loads(line))
    print(prober.report().model_dump_json())


if __name__ == "__main__":
    main()
