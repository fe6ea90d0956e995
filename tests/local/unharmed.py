"""That nobody is harmed by what a test does."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from bench.callers import Door, calling
from tests.local.platform import Platform


@contextmanager
def unharmed(platform: Platform) -> Generator[None]:
    """Callers of every kind, at 200 requests a second, of which none may be lost."""
    with calling(Door.of(platform.outputs())) as callers:
        yield
    assert callers.lost == 0, callers.told
    assert all(load.answered > 500 for load in callers.loads)
    kinds = callers.report.kinds
    assert all(counts.sent > 0 for counts in kinds.values()), kinds
