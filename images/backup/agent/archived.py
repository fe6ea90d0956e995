"""How far the archive reaches, in a file on the volume that the metrics and the schedule read."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from . import jsonfile

FILE = "archived.json"


@dataclass(frozen=True, kw_only=True)
class Archived:
    """`since` is when the log that is archived began, without a gap from then on.

    What was committed `until` then is in the bucket, up to the segment `last`. `waiting` are the
    bytes that wait here for the bucket. `problem` is empty while all is well.
    """

    cluster: str
    since: datetime
    until: datetime | None = None
    last: str = ""
    waiting: int = 0
    problem: str = ""

    @classmethod
    def read(cls, work: str) -> Archived | None:
        """Read it; None when there is none, or none that can be read: then it is made anew."""
        try:
            found = cast("dict[str, Any]", json.loads((Path(work) / FILE).read_text("utf-8")))
            until = found["until"]
            return replace(
                cls(**found),
                since=datetime.fromisoformat(found["since"]),
                until=datetime.fromisoformat(until) if until else None,
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        times = {
            "since": self.since.isoformat(),
            "until": self.until.isoformat() if self.until else None,
        }
        return {**vars(self), **times}

    def write(self, work: str) -> None:
        """Write it in one step; raises `OSError`."""
        jsonfile.write(Path(work) / FILE, self.document)
