"""Rates and their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.release.probes.pace import Pace


@given(
    plain=st.integers(0, 30),
    websockets=st.integers(0, 20),
    rate=st.floats(0.1, 1000),
    limit=st.floats(1, 200),
)
def test_all_hosts_together_stay_within_the_bounds(
    plain: int, websockets: int, rate: float, limit: float
) -> None:
    pace = Pace(keep_alive_per_second=rate, max_requests_per_second=limit)
    bounded = pace.bounded(plain=plain, websockets=websockets)
    total = plain * bounded.per_second(websocket=False)
    total += websockets * bounded.per_second(websocket=True)
    assert total <= limit * 1.000001
    assert bounded.stretch >= 1


def test_the_platforms_hosts_are_probed_about_fifty_times_a_second() -> None:
    bounded = Pace().bounded(plain=0, websockets=33)
    assert 33 * bounded.per_second(websocket=True) == pytest.approx(50)
    assert 33 * bounded.probes(websocket=True) <= bounded.max_connections


def test_a_few_hosts_are_not_slowed_down() -> None:
    assert Pace().bounded(plain=1, websockets=1) == Pace()


def test_more_probes_than_connections_are_refused_with_the_figures() -> None:
    with pytest.raises(ValueError, match="51 hosts need 204 connections"):
        Pace().bounded(plain=0, websockets=51)


def test_a_kind_without_a_rate_takes_no_connection() -> None:
    pace = Pace(new_connections_per_second=0, upload_seconds=0)
    assert (pace.probes(websocket=False), pace.probes(websocket=True)) == (1, 2)
    assert pace.per_second(websocket=False) == 2
