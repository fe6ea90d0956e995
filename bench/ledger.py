"""The lines of a measurement that has parts: what it took, beside what, and within which limit."""

from __future__ import annotations

from dataclasses import dataclass

from bench.footprint import Footprint


@dataclass
class Ledger:
    """Prints each line when it is known; `kept` is whether all limits were."""

    kept: bool = True

    def head(self, text: str) -> None:
        """Say what follows."""
        print(f"\n{text}", flush=True)

    def line(self, what: str, found: Footprint, more: str = "") -> None:
        """Seconds, seconds of processors, and the most memory."""
        told = f"{found.seconds:8.1f} s {found.cpu:8.1f} s CPU {found.memory / 2**20:6.0f} MiB"
        print(f"  {what:46} {told}  {more}".rstrip(), flush=True)

    def ratio(self, what: str, mine: float, other: float, limit: float | None = None) -> None:
        """How much more something is than another, and whether it may be."""
        ratio = mine / other
        told = "" if limit is None else f"(limit {limit})"
        if limit is not None and ratio > limit:
            self.kept = False
            told = f"(OVER its limit of {limit})"
        print(f"  {what:46} {ratio:8.2f}   {told}".rstrip(), flush=True)

    def size(self, what: str, size: float, more: str = "") -> None:
        """So many bytes."""
        unit, name = (1e9, "GB") if size > 1e9 else (1e6, "MB") if size > 1e6 else (1e3, "kB")
        print(f"  {what:46} {size / unit:8.2f} {name}  {more}".rstrip(), flush=True)
