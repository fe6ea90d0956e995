"""Asking the agent, and what it has to answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.images.bench import Bench


def backed_up(bench: Bench, *more: str) -> dict[str, Any]:
    """A backup that is well."""
    code, results = bench.agent("run", *more)
    assert code == 0, results
    return results[0]


def problems(bench: Bench) -> str:
    """What verify says is wrong; it must say something."""
    code, proofs = bench.agent("verify")
    assert code == 1, proofs
    return json.dumps(proofs)


def aged(bench: Bench, days: float) -> str:
    """A backup that was made some days ago, when the clocks agreed; its id."""
    bench.clock, bench.skew = -timedelta(days=days), 10**9
    made = backed_up(bench)
    bench.clock, bench.skew = timedelta(), 300
    return made["snapshot"]
