"""Lines for `docker logs`, with their time."""

from __future__ import annotations

import sys
from datetime import UTC, datetime


def utc() -> datetime:
    """The time now."""
    return datetime.now(UTC)


def say(text: str) -> None:
    """Write a line."""
    sys.stderr.write(f"{utc():%Y-%m-%dT%H:%M:%SZ} {text}\n")
    sys.stderr.flush()
