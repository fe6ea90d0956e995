"""What every probe has."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar

from ops.release.probe_report import Kind
from ops.release.probes.pace import Pace, ticks
from ops.release.probes.target import Target
from ops.release.stats import Stats


@dataclass(kw_only=True)
class Probe(ABC):
    """Load of one kind on one host.

    `share` (0 to 1) is the host's place among all: it keeps their requests apart.
    """

    target: Target
    pace: Pace
    stats: Stats
    share: float
    kind: ClassVar[Kind]

    @property
    @abstractmethod
    def interval(self) -> float:
        """Seconds from one request to the next."""

    def ticks(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """The moments to send something at, until `stop`."""
        # All begin within a second, so that a short release is probed from its start, too.
        return ticks(self.interval, min(self.interval, 1.0) * self.share, stop)

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Probe until `stop`; what is under way then is finished, so that it is counted."""

    def answered(self, seconds: float, status: int | None = None) -> None:
        """Count a request with an answer."""
        self.stats.answered(self.target.host, self.kind, seconds=seconds, status=status)

    def failed(self, reason: str) -> None:
        """Count a lost request."""
        self.stats.failed(self.target.host, self.kind, reason)

    def reopened(self) -> None:
        """Count a connection that the server closed between requests."""
        self.stats.reopened(self.target.host, self.kind)
