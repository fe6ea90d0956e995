"""Durations counted in buckets: quantiles of any number of requests in bounded memory."""

from __future__ import annotations

import math

# Bucket n ends at SHORTEST * GROWTH ** n, so a quantile is at most 5 % above the true one.
GROWTH = 1.05
SHORTEST_SECONDS = 0.0001
_LONGEST_SECONDS = 600.0
_BUCKETS = math.ceil(math.log(_LONGEST_SECONDS / SHORTEST_SECONDS) / math.log(GROWTH)) + 1


class Histogram:
    """Durations in seconds, in buckets that grow by 5 %; above ten minutes all are in the last."""

    def __init__(self) -> None:
        """An empty histogram."""
        self._counts = [0] * _BUCKETS
        self._total = 0
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[_bucket(seconds)] += 1
        self._total += 1
        self._longest = max(self._longest, seconds)

    def include(self, other: Histogram) -> None:
        """Count all that another histogram has counted."""
        self._counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        self._total += other._total
        self._longest = max(self._longest, other._longest)

    def quantile(self, share: float) -> float | None:
        """The duration in seconds that `share` (0 to 1) of all do not exceed; None when empty."""
        if not self._total:
            return None
        wanted = max(1, math.ceil(share * self._total))
        reached = 0
        for bucket, count in enumerate(self._counts[:-1]):
            reached += count
            if reached >= wanted:
                return min(SHORTEST_SECONDS * GROWTH**bucket, self._longest)
        return self._longest


def _bucket(seconds: float) -> int:
    if seconds <= SHORTEST_SECONDS:
        return 0
    return min(_BUCKETS - 1, math.ceil(math.log(seconds / SHORTEST_SECONDS) / math.log(GROWTH)))
