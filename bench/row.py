"""A line of what a change under load came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.callers import PER_SECOND, Callers, Door, calling


@dataclass(frozen=True)
class Row:
    """What was done, in how many seconds, and what became of the callers."""

    what: str
    seconds: float
    callers: Callers

    @property
    def lost(self) -> int:
        """Requests lost."""
        return self.callers.lost

    def tell(self, more: str = "") -> None:
        """Print it, and on standard error the first of what was lost."""
        callers = self.callers
        p50, p99 = (1000 * (callers.quantile(share) or 0) for share in (0.5, 0.99))
        line = f"  {self.what:44} {self.seconds:6.1f} s {callers.lost:5} of "
        line += f"{callers.answered + callers.lost:6} lost  p50 {p50:4.0f} ms  p99 {p99:5.0f} ms"
        print(f"{line}  {more}".rstrip(), flush=True)
        if callers.lost:
            print(callers.told[:2000], file=sys.stderr)


def heading() -> None:
    """Say what all rows have in common."""
    print(f"{PER_SECOND} requests/s over kept connections, HTTP/1.1 and HTTP/2, and the prober's")


def under_load(door: Door, what: str, change: Callable[[], object]) -> Row:
    """Do something while callers call."""
    with calling(door) as callers:
        begun = time.monotonic()
        change()
        seconds = time.monotonic() - begun
    return Row(what, seconds, callers)
