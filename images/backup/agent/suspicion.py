"""Why a backup is not to be trusted beside the last good one."""

from __future__ import annotations

from .manifest import Manifest
from .source import Terms


def shrunk(now: Manifest, before: Manifest | None, terms: Terms) -> str:
    """Why a backup is suspect beside the last good one; empty when it is not."""
    if before is None:
        return ""
    if before.total and not now.total:
        return f"empty, and had {before.total} {terms.counted} before"
    left = 1 - terms.shrink_percent / 100
    for what, new, old in (
        (terms.counted, now.total, before.total),
        (terms.parts, len(now.counts), len(before.counts)),
        ("bytes of the dump", now.size, before.size),
    ):
        if new < old * left:
            return f"{new} {what} instead of {old} before"
    return ""
