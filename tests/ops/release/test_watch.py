"""The watch window: real faults are found fast, and nothing else is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.release.metrics import Traffic
from ops.release.watch import (
    HEADINGS,
    Before,
    Breach,
    Container,
    Fault,
    Outcome,
    Rules,
    Sight,
    Watch,
    container,
    start,
)

WEB = "chat-web"
WELL = Container(running=True, health="healthy", started="10:00:00")
USUAL = Traffic(durations={0.1: 190, 0.25: 10})
RULES = Rules()


def traffic(good: int, failed: int = 0, seconds: float = 0.1) -> Traffic:
    return Traffic(failed=failed, durations={seconds: good + failed})


def begun(before: Traffic = USUAL, state: Container = WELL, rules: Rules = RULES) -> Watch:
    return start({WEB: Before(traffic=before, container=state)}, rules)


def watched(watch: Watch, looks: Iterable[tuple[float, Traffic]]) -> Watch:
    for at_seconds, seen in looks:
        watch = watch.after(at_seconds, {WEB: Sight(traffic=seen, container=WELL)})
    return watch


def every(seconds: float, of: Callable[[float], Traffic]) -> Iterable[tuple[float, Traffic]]:
    steps = int(RULES.window / seconds)
    return ((at * seconds, of(at * seconds)) for at in range(1, steps + 1))


def only(watch: Watch) -> Breach:
    (breach,) = watch.breaches
    return breach


def dice(seed: int, rate: float, share: float) -> Callable[[float], Traffic]:
    """A second's traffic of about `rate` requests, of which about `share` fail."""
    random = Random(seed)  # noqa: S311 - figures, no secrets

    def second(at: float) -> Traffic:
        requests = round(random.uniform(0.5, 1.5) * rate)
        failed = sum(random.random() < share for _ in range(requests))
        return traffic(requests - failed, failed)

    return second


@pytest.mark.parametrize("seed", range(5))
def test_a_busy_service_with_one_percent_of_errors_holds(seed: int) -> None:
    watch = watched(begun(), every(1, dice(seed, rate=50, share=0.01)))
    assert watch.outcome is Outcome.HELD
    assert watch.at_seconds == 300


@pytest.mark.parametrize("seed", range(5))
def test_ten_percent_of_errors_are_found_within_seconds(seed: int) -> None:
    watch = watched(begun(), every(1, dice(seed, rate=50, share=0.10)))
    assert watch.outcome is Outcome.BREACHED
    assert only(watch).what is Fault.ERRORS
    assert only(watch).at_seconds <= 10


def test_errors_that_begin_late_are_found_within_a_span() -> None:
    def second(at: float) -> Traffic:
        return traffic(18, 2) if at > 200 else traffic(20)

    breach = only(watched(begun(), every(1, second)))
    assert 200 < breach.at_seconds <= 200 + RULES.span


def test_a_breach_says_what_was_seen_and_the_limit() -> None:
    watch = watched(begun(), [(2, traffic(20)), (4, traffic(22, 6))])
    assert str(only(watch)) == (
        "chat-web: error rate: 12.5 %, 6 of 48 requests in 4 s (limit: 5.0 %), 4 s after the flip"
    )


def test_exactly_the_limit_is_no_breach() -> None:
    assert watched(begun(), [(1, traffic(19, 1))]).outcome is Outcome.WATCHING
    assert watched(begun(), [(1, traffic(18, 2))]).outcome is Outcome.BREACHED


def test_a_rarely_asked_service_that_always_fails_is_found_with_its_twentieth_request() -> None:
    watch = watched(begun(), every(10, lambda _: traffic(0, 1)))
    assert only(watch).at_seconds == 200
    assert only(watch).seen == "100.0 %, 20 of 20 requests in 200 s"


def test_an_old_burst_is_forgotten_when_newer_requests_are_enough() -> None:
    looks = [(1, traffic(6, 13)), (32, traffic(0)), (33, traffic(300))]
    assert watched(begun(), looks).outcome is Outcome.WATCHING


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 3), st.integers(0, 3)), max_size=40).filter(
        lambda looks: sum(good + bad for _, good, bad in looks) < RULES.least_requests
    )
)
def test_few_requests_are_never_an_alarm(looks: list[tuple[float, int, int]]) -> None:
    watch, at_seconds = begun(), 0.0
    for passed, good, bad in looks:
        at_seconds += passed
        seen = traffic(good, bad, seconds=10)
        watch = watch.after(at_seconds, {WEB: Sight(traffic=seen, container=WELL)})
    assert not watch.breaches


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 20), st.integers(0, 40), st.integers(0, 4), st.sampled_from([0.1, 5])
        ),
        max_size=40,
    )
)
def test_an_alarm_is_always_borne_out_by_what_was_seen(
    looks: list[tuple[float, int, int, float]],
) -> None:
    watch, at_seconds, seen = begun(), 0.0, list[tuple[float, Traffic]]()
    for passed, good, bad, seconds in looks:
        at_seconds += passed
        seen.append((at_seconds, traffic(good, bad, seconds)))
        watch = watched(watch, seen[-1:])
    for breach in watch.breaches:
        # Some span that ends at the breach, of the whole looks, is as bad as it says.
        until = [one for at, one in seen if at <= breach.at_seconds]
        tails = [sum(until[i:], Traffic()) for i in range(len(until))]
        enough = [tail for tail in tails if tail.requests >= RULES.least_requests]
        if breach.what is Fault.ERRORS:
            assert any((tail.error_rate or 0) > RULES.error_rate for tail in enough)
        else:
            assert breach.what is Fault.SLOW
            assert any((tail.p95 or 0) > RULES.p95 for tail in enough)


def test_errors_the_old_slot_had_as_well_are_no_reason_to_go_back() -> None:
    broken = traffic(160, 40)
    assert watched(begun(broken), every(1, lambda _: traffic(15, 5))).outcome is Outcome.HELD
    breach = only(watched(begun(broken), every(1, lambda _: traffic(10, 10))))
    assert breach.limit == "40.0 %"
    few = traffic(0, 3)
    assert only(watched(begun(few), every(1, lambda _: traffic(15, 5)))).limit == "5.0 %"


def test_a_slow_new_slot_is_found_after_the_warm_up() -> None:
    def second(at: float) -> Traffic:
        return Traffic(durations={0.1: 15, 1.0: 0, 2.5: 5})

    breach = only(watched(begun(), every(1, second)))
    assert breach.what is Fault.SLOW
    assert RULES.warm_up < breach.at_seconds <= RULES.warm_up + 2
    assert breach.limit == "500 ms; it was 100 ms"


def test_slow_first_requests_are_the_cold_start() -> None:
    def second(at: float) -> Traffic:
        return traffic(20, seconds=5 if at <= RULES.warm_up else 0.1)

    assert watched(begun(), every(1, second)).outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("usual", "now", "outcome"),
    [
        (0.1, 0.45, Outcome.HELD),  # more than twice, but still below half a second
        (1.0, 1.9, Outcome.HELD),  # beyond half a second, but not twice
        (1.0, 2.5, Outcome.BREACHED),
    ],
)
def test_slow_is_twice_the_old_one_and_more_than_half_a_second(
    usual: float, now: float, outcome: Outcome
) -> None:
    def figures(seconds: float) -> Traffic:
        # Narrow bounds, so that the figure is near the bound.
        return Traffic(durations={seconds * 0.99: 0, seconds: 100, math.inf: 0})

    assert watched(begun(figures(usual)), every(1, lambda _: figures(now))).outcome is outcome


def test_latency_is_not_judged_against_an_old_slot_that_nobody_asked() -> None:
    for usual in (Traffic(), traffic(19)):
        watch = watched(begun(usual), every(1, lambda _: traffic(50, seconds=9)))
        assert watch.outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("state", "faults", "seen"),
    [
        (replace(WELL, running=False, exit_code=1), [Fault.STOPPED], "exit code 1"),
        (replace(WELL, restarts=1, started="10:01:00"), [Fault.RESTARTED], "flip: 1"),
        (replace(WELL, started="10:01:00"), [Fault.RESTARTED], "again at 10:01:00"),
        (replace(WELL, health="unhealthy"), [Fault.UNHEALTHY], "health check fails"),
        (
            replace(WELL, running=False, exit_code=137, oom_killed=True),
            [Fault.OOM_KILLED, Fault.STOPPED],
            "memory limit",
        ),
    ],
)
def test_a_container_in_trouble_is_a_breach_at_once(
    state: Container, faults: list[Fault], seen: str
) -> None:
    watch = begun().after(3, {WEB: Sight(container=WELL)}).after(5, {WEB: Sight(container=state)})
    assert [breach.what for breach in watch.breaches] == faults
    assert seen in watch.breaches[0].seen
    assert {breach.at_seconds for breach in watch.breaches} == {5}


def test_restarts_before_the_flip_do_not_count() -> None:
    shaky = replace(WELL, restarts=3)
    watch = begun(state=shaky).after(300, {WEB: Sight(container=shaky)})
    assert watch.outcome is Outcome.HELD


def test_only_the_service_in_trouble_is_named() -> None:
    before = Before(traffic=USUAL, container=WELL)
    watch = start({WEB: before, "quote-web": before}).after(
        1, {WEB: Sight(traffic=traffic(100)), "quote-web": Sight(traffic=traffic(50, 50))}
    )
    assert only(watch).service == "quote-web"


def test_a_container_that_cannot_be_asked_is_no_breach_but_is_said() -> None:
    watch = begun().after(30, {})
    assert watch.blind == ()
    watch = watch.after(31, {WEB: Sight(traffic=traffic(5))})
    assert (watch.outcome, watch.blind) == (Outcome.WATCHING, (WEB,))
    assert watch.rows[0][-1] == "not seen"
    assert watch.after(32, {WEB: Sight(container=WELL)}).blind == ()


def test_a_watch_that_is_over_stays_as_it_is() -> None:
    stopped = {WEB: Sight(container=replace(WELL, running=False))}
    held = begun().after(301, {WEB: Sight(container=WELL)})
    assert held.after(302, stopped) is held
    breached = begun().after(1, stopped)
    assert breached.after(2, {WEB: Sight(container=WELL)}) is breached


def test_a_breach_in_the_last_look_is_still_one() -> None:
    watch = begun().after(300, {WEB: Sight(traffic=traffic(0, 20), container=WELL)})
    assert watch.outcome is Outcome.BREACHED


def test_time_runs_forward_and_services_are_known() -> None:
    watch = begun().after(10, {})
    with pytest.raises(ValueError, match="before the last look"):
        watch.after(9, {})
    with pytest.raises(ValueError, match="not watched: other"):
        watch.after(11, {"other": Sight()})


def test_rules_are_configurable() -> None:
    rules = Rules(window=60, error_rate=0.5, least_requests=2)
    watch = begun(rules=rules).after(59, {WEB: Sight(traffic=traffic(1, 1))})
    assert watch.outcome is Outcome.WATCHING
    assert only(watch.after(60, {WEB: Sight(traffic=traffic(0, 1))})).limit == "50.0 %"


def test_a_row_shows_the_figures() -> None:
    watch = begun().after(7, {WEB: Sight(traffic=traffic(48, 2, seconds=0.2), container=WELL)})
    row = dict(zip(HEADINGS, watch.rows[0], strict=True))
    assert row == {
        "service": WEB,
        "requests": "50 in 7 s",
        "errors": "4.0 %",
        "p95": "190 ms",
        "before": "0.0 %, 100 ms",
        "container": "healthy",
    }


INSPECTED: dict[str, Any] = {
    "RestartCount": 2,
    "State": {
        "Running": True,
        "OOMKilled": False,
        "ExitCode": 0,
        "StartedAt": "2025-06-01T10:00:00Z",
        "Health": {"Status": "healthy"},
    },
}


@pytest.mark.parametrize(
    ("inspected", "expected"),
    [
        (
            INSPECTED,
            Container(running=True, restarts=2, health="healthy", started="2025-06-01T10:00:00Z"),
        ),
        (
            {"State": {"Running": False, "OOMKilled": True, "ExitCode": 137}},
            Container(running=False, oom_killed=True, exit_code=137),
        ),
        (None, Container(running=False)),
    ],
    ids=["running", "killed", "gone"],
)
def test_a_state_is_read_from_what_docker_says(
    inspected: Mapping[str, Any] | None, expected: Container
) -> None:
    assert container(inspected) == expected
