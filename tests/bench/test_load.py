"""What is read of h2load's answers."""

from __future__ import annotations

import pytest

from bench.load import Load

TOLD = """\
requests: {done} total, {done} started, {done} done, {ok} succeeded, {failed} failed, \
{errored} errored, {timeout} timeout
status codes: {ok} 2xx, 0 3xx, 0 4xx, {failed} 5xx
"""


def test_what_is_not_answered_with_2xx_is_lost_and_kept_as_it_was_told() -> None:
    load = Load()
    fine = TOLD.format(done=100, ok=100, failed=0, errored=0, timeout=0)
    bad = TOLD.format(done=50, ok=47, failed=3, errored=2, timeout=1)
    load.take(fine)
    load.take(bad)
    assert (load.answered, load.lost) == (147, 6)
    assert load.told == [bad]


def test_an_answer_without_counts_is_no_zero() -> None:
    with pytest.raises(ValueError, match="told no counts: nothing"):
        Load().take("nothing")


def test_only_answered_requests_have_a_duration() -> None:
    load = Load()
    load.time(["1\t200\t1000\n", "2\t200\t1000\n", "3\t502\t9000000\n", "4\t-1\t9000000\n"])
    assert load.durations.quantile(1) == pytest.approx(0.001, rel=0.05)
