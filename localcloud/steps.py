"""Steps that say what they do and how long they took (standard library only: it runs first)."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO, cast

HANDED_OVER = "MANACORE_STEPS"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One finished step: its name, seconds, and whether it ran beside others."""

    name: str
    seconds: float
    failed: bool = False


@dataclass
class Steps:
    """Prints each step as it starts and ends; steps may run in several threads at once.

    Set-up runs before the virtual environment exists and then replaces itself by a program
    inside it: `hand_over()` and `taken_over()` carry the times across.
    """

    # Progress belongs on stderr: what a command answers (--json) has stdout to itself.
    out: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.time)
    done: list[Step] = field(default_factory=list[Step])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def taken_over(cls) -> Steps:
        """Steps that continue those of the process before this one, if it left any."""
        left = os.environ.pop(HANDED_OVER, "")
        steps = cls()
        if left:
            told = cast("dict[str, object]", json.loads(left))
            steps.started = float(cast("float", told["started"]))
            for name, seconds in cast("list[tuple[str, float]]", told["done"]):
                steps.done.append(Step(name=name, seconds=seconds))
        return steps

    def hand_over(self) -> dict[str, str]:
        """The variable that carries these steps into the next program."""
        done = [(step.name, step.seconds) for step in self.done]
        return {HANDED_OVER: json.dumps({"started": self.started, "done": done})}

    def say(self, text: str) -> None:
        """Print one line, stamped with the seconds since the start."""
        with self._lock:
            print(f"[{time.time() - self.started:6.1f}s] {text}", file=self.out, flush=True)

    @contextmanager
    def step(self, name: str, detail: str = "") -> Generator[None]:
        """Time what happens inside; a failure is reported and passed on."""
        self.say(f"{name}: {detail}" if detail else name)
        begun = time.monotonic()
        failed = True
        try:
            yield
            failed = False
        finally:
            seconds = time.monotonic() - begun
            self.done.append(Step(name=name, seconds=seconds, failed=failed))
            self.say(f"{name}: {'FAILED after' if failed else 'done in'} {seconds:.1f}s")

    def table(self) -> str:
        """All steps with their times, and the whole; steps may overlap, so it is no sum."""
        width = max([len(step.name) for step in self.done] + [len("total")])
        lines = [
            f"  {step.name:<{width}}  {step.seconds:7.1f}s{'  failed' if step.failed else ''}"
            for step in self.done
        ]
        rule = "  " + "-" * (width + 10)
        total = f"  {'total':<{width}}  {time.time() - self.started:7.1f}s"
        return "\n".join([*lines, rule, total])
