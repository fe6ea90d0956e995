"""What a proof showed, of a source or of the archive."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a restore of one source showed; without problems it is proven.

    `snapshot` is what was restored: a snapshot's id, or a base backup's name.
    """

    source: str
    snapshot: str = ""
    age_hours: float = 0
    counted: int = 0
    problems: list[str] = field(default_factory=list[str])
