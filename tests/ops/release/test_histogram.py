"""Quantiles in bounded memory."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ops.release.histogram import GROWTH, SHORTEST_SECONDS, Histogram

DURATIONS = st.lists(st.floats(SHORTEST_SECONDS, 500), min_size=1, max_size=200)


def filled(durations: list[float]) -> Histogram:
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    return histogram


@given(DURATIONS, st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_at_most_one_bucket_above_the_true_one(
    durations: list[float], share: float
) -> None:
    true = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    found = filled(durations).quantile(share)
    assert found is not None
    assert true / 1.000001 <= found <= true * GROWTH * 1.000001


@given(DURATIONS, DURATIONS)
def test_two_histograms_together_are_the_histogram_of_both(
    some: list[float], others: list[float]
) -> None:
    together = filled(some)
    together.include(filled(others))
    whole = filled(some + others)
    assert [together.quantile(q) for q in (0.5, 0.99)] == [whole.quantile(q) for q in (0.5, 0.99)]


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


def test_what_is_longer_than_all_buckets_is_not_lost() -> None:
    assert filled([5000.0]).quantile(0.99) == 5000.0
    assert filled([0.0]).quantile(0.99) == 0.0
