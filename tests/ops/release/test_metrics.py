"""The edge's metrics, from the real edge and from histories made up."""

from __future__ import annotations

import json
import math
import subprocess
import sysconfig
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.release.metrics import MetricsError, Snapshot, Source, Traffic, read, total
from tests.support.ports import free_port

SHOP = "shop.example.org"
DEAD = "dead.example.org"
WEB = Source(server="public", host=SHOP)
BOUNDS = (0.005, 0.1, 0.5, 1.0, 10.0, math.inf)

counts = st.fixed_dictionaries({bound: st.integers(0, 50) for bound in BOUNDS})


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    answered, failed = (Traffic(durations=draw(counts)) for _ in range(2))
    return Traffic(failed=failed.requests) + answered + failed


def snapshot(traffic: Traffic, loaded: float | None = 1.0) -> Snapshot:
    return Snapshot(loaded=loaded, sources={WEB: traffic})


@dataclass(frozen=True)
class Edge:
    """A running Caddy: 2xx at /, 500 at /bad, a slow answer at /slow, a host without upstream."""

    port: int
    admin: int

    def get(self, path: str, host: str = SHOP, times: int = 1) -> list[int]:
        url = f"http://127.0.0.1:{self.port}{path}"
        with httpx.Client() as client:
            return [client.get(url, headers={"Host": host}).status_code for _ in range(times)]

    def snapshot(self) -> Snapshot:
        return read(httpx.get(f"http://127.0.0.1:{self.admin}/metrics").text)

    def load(self, configuration: dict[str, Any]) -> None:
        httpx.post(f"http://127.0.0.1:{self.admin}/load", json=configuration).raise_for_status()

    def configuration(self, extra: str = "") -> dict[str, Any]:
        def answer(path: str, status: int) -> dict[str, Any]:
            handle = [{"handler": "static_response", "status_code": status}]
            return {"match": [{"path": [path]}], "handle": handle, "terminal": True}

        inner = [answer("/bad", 500), answer("/*", 200)]
        # Nobody listens on port 9, the port of `discard`.
        dead = {"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:9"}]}
        routes = [
            {"match": [{"host": [SHOP]}], "handle": [{"handler": "subroute", "routes": inner}]},
            {"match": [{"host": [DEAD]}], "handle": [{"handler": "headers"}, dead]},
            {"match": [{"host": [extra or "other.example.org"]}], "handle": []},
        ]
        public = {
            "listen": [f"127.0.0.1:{self.port}"],
            "automatic_https": {"disable": True},
            "routes": [{**route, "terminal": True} for route in routes],
        }
        return {
            "admin": {"listen": f"127.0.0.1:{self.admin}"},
            "apps": {"http": {"metrics": {"per_host": True}, "servers": {"public": public}}},
        }


@pytest.fixture
def edge(tmp_path: Path) -> Generator[Edge]:
    running = Edge(port=free_port(), admin=free_port())
    file = tmp_path / "caddy.json"
    file.write_text(json.dumps(running.configuration()))
    program = Path(sysconfig.get_path("scripts")) / "caddy"
    log = (tmp_path / "log").open("wb")
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [program, "run", "--config", file], stdout=log, stderr=log, env=environment
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                running.snapshot()
                break
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
        yield running
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def test_the_real_edge_is_read_per_host_and_survives_a_new_configuration(edge: Edge) -> None:
    assert edge.snapshot().sources == {}, "nothing was served yet"
    assert set(edge.get("/", times=17) + edge.get("/bad", times=3)) == {200, 500}
    assert edge.get("/", host=DEAD) == [502]
    first = edge.snapshot()
    assert first.loaded
    assert set(first.sources) == {WEB, Source(server="public", host=DEAD)}
    shop = first.of(SHOP)
    assert (shop.requests, shop.failed, shop.error_rate) == (20, 3, 0.15)
    assert shop.p95 is not None
    assert 0 < shop.p95 < 2.5
    assert first.of(DEAD).failed == 1, "what the edge itself answers for a dead slot is a failure"
    assert first.of(server="public").requests == 21

    edge.get("/", times=5)
    assert edge.snapshot().since(first).of(SHOP).requests == 5

    # The flip is a new configuration, and its counters begin at zero: none is negative or lost,
    # not even when there are already more than before.
    edge.load(edge.configuration("new.example.org"))
    edge.get("/", times=30)
    edge.get("/bad", times=4)
    flipped = edge.snapshot()
    assert flipped.since(first).of(SHOP).requests == 34
    assert flipped.since(first).of(SHOP).failed == 4


def test_a_websocket_is_no_slow_request() -> None:
    labels = f'handler="headers",host="{SHOP}",method="GET",server="public"'
    name = "caddy_http_request_duration_seconds"
    text = f"""# TYPE {name} histogram
{name}_bucket{{code="101",{labels},le="0.5"}} 0
{name}_bucket{{code="101",{labels},le="+Inf"}} 9
{name}_bucket{{code="200",{labels},le="0.5"}} 3
{name}_bucket{{code="200",{labels},le="+Inf"}} 4
{name}_count{{code="200",{labels}}} 4
caddy_http_request_size_bytes_bucket{{code="200",{labels},le="+Inf"}} not a number
"""
    assert read(text).of(SHOP) == Traffic(durations={0.5: 3, math.inf: 1})


def test_an_upload_counts_but_its_duration_is_its_senders() -> None:
    labels = f'code="502",handler="headers",host="{SHOP}",server="public"'
    name = "caddy_http_request_duration_seconds"
    text = f"""# TYPE {name} histogram
{name}_bucket{{{labels},method="POST",le="0.5"}} 1
{name}_bucket{{{labels},method="POST",le="+Inf"}} 3
"""
    assert read(text).of(SHOP) == Traffic(failed=3, uploads=3)
    assert read(text).of(SHOP).error_rate == 1
    assert read(text).of(SHOP).p95 is None


@pytest.mark.parametrize(
    "text",
    [
        'caddy_http_request_duration_seconds_bucket{le="1"} many\n',
        "# TYPE caddy_http_request_duration_seconds histogram\n"
        'caddy_http_request_duration_seconds_bucket{code="200",server="public",le="1"} 1\n',
    ],
    ids=["no number", "no host"],
)
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(MetricsError, match="cannot be read"):
        read(text)


def test_figures_of_nothing_are_none() -> None:
    assert Traffic().requests == 0
    assert Traffic().error_rate is None
    assert Traffic().p95 is None


def test_p95_is_interpolated_and_ends_at_the_last_finite_bound() -> None:
    # The 95th of 100 is the fifth of the ten between 0.1 and 0.5 seconds.
    assert Traffic(durations={0.1: 90, 0.5: 10, math.inf: 0}).p95 == pytest.approx(0.3)
    assert Traffic(durations={0.1: 90, 10.0: 0, math.inf: 10}).p95 == 10.0


@given(traffics(), traffics())
def test_a_difference_is_what_was_added(before: Traffic, more: Traffic) -> None:
    found = snapshot(before + more).since(snapshot(before)).of(SHOP)
    assert (found.failed, found.durations) == (more.failed, more.durations)


@given(traffics(), traffics())
def test_a_restarted_edge_counts_from_zero(before: Traffic, after: Traffic) -> None:
    assert snapshot(after, 2.0).since(snapshot(before, 1.0)).of(SHOP) == total([after])


@given(traffics(), traffics())
def test_a_difference_never_has_negative_figures(before: Traffic, after: Traffic) -> None:
    found = snapshot(after, None).since(snapshot(before, None)).of(SHOP)
    assert found.failed >= 0
    assert all(count >= 0 for count in found.durations.values())


@given(traffics())
def test_a_host_that_vanished_means_a_restart(before: Traffic) -> None:
    other = Snapshot(loaded=None, sources={Source(server="public", host=DEAD): before})
    now = Snapshot(loaded=None, sources={WEB: before})
    assert now.since(other).of(SHOP) == total([before])


@given(traffics(), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_higher_quantile_is_never_shorter(traffic: Traffic, one: float, other: float) -> None:
    low, high = (traffic.quantile(share) for share in sorted((one, other)))
    if low is not None and high is not None:
        assert low <= high + 1e-9
        assert 0 <= low <= 10
