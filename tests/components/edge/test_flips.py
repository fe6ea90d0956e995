"""What callers notice of a flip: the real Caddy, and the script that runs on a server."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import httpx

from components.edge.config import METRICS_PORT
from components.edge.routes import Upstream
from tests.components.edge.caddy import RunningEdge
from tests.components.edge.load import Load, fresh, kept
from tests.components.edge.services import both, config
from tests.components.edge.upstream import Service
from tests.support.ports import free_port

FLIPS = 25


def test_no_request_is_lost_in_many_flips_under_load(
    edge: RunningEdge, blue: Service, green: Service
) -> None:
    callers = {
        "fresh": fresh(edge, "one.test"),
        "fresh too": fresh(edge, "two.test"),
        "kept": kept(edge, "one.test", "GET"),
        # Never tried again: what is lost of these would be seen.
        "posts": kept(edge, "two.test", "POST"),
        "inside": kept(edge, "edge", "POST", port=3001),
    }
    with Load(callers) as load:
        for _, live in zip(range(FLIPS), itertools.cycle([green, blue]), strict=False):
            edge.flip(both(live))
            load.answered_by(live.slot)
    assert load.lost == []
    served = Counter(load.answers)
    assert all(
        served[caller, slot] >= FLIPS // 2 for caller in callers for slot in ("blue", "green")
    )


def test_the_flip_of_one_service_is_none_of_another(
    edge: RunningEdge, blue: Service, green: Service
) -> None:
    edge.flip({**both(blue), "two": green.upstream.dial})
    slots = [edge.client(host).get("/").json()["slot"] for host in ("one.test", "two.test")]
    assert slots == ["blue", "green"]


def test_the_slots_stay_reachable_by_name_over_a_flip(
    edge: RunningEdge, blue: Service, green: Service
) -> None:
    client = edge.client("one.test")
    for live in (green, blue):
        edge.flip(both(live))
        for named in ("blue", "green"):
            answer = client.get("/", headers={"X-Manacore-Slot": named})
            assert answer.json()["slot"] == named
        assert client.get("/", headers={"X-Manacore-Slot": "red"}).json()["slot"] == live.slot


def test_metrics_are_asked_of_the_live_slot(
    edge: RunningEdge, blue: Service, green: Service
) -> None:
    url = f"http://127.0.0.1:{edge.ports[METRICS_PORT]}/metrics/one"
    for live in (green, blue):
        edge.flip(both(live))
        assert httpx.get(url).json()["slot"] == live.slot


def test_a_websocket_stays_open_over_flips(
    edge: RunningEdge, blue: Service, green: Service
) -> None:
    edge.flip(both(blue))
    with edge.websocket("one.test") as stream:
        for live in (green, blue, green):
            edge.flip(both(live))
            assert edge.client("one.test").get("/").json()["slot"] == live.slot
            stream.sendall(b"still there?")
            assert stream.recv(4096) == b"still there?"
        assert len([asked for asked in green.asked if asked == "GET /stream"]) == 0


def test_a_flip_away_from_a_broken_slot_loses_no_request(green: Service) -> None:
    def sooner(document: dict[str, Any]) -> None:
        for route in document["apps"]["http"]["servers"]["public"]["routes"][2:4]:
            proxy = route["handle"][0]["routes"][-1]["handle"][0]
            proxy["health_checks"]["active"]["interval"] = "500ms"

    broken = Upstream(container="127.0.0.1", port=free_port(), slot="blue")
    live = {"one": broken.dial, "two": broken.dial}
    with RunningEdge(config(broken, green.upstream), live, sooner) as edge:
        failed = "HTTP request failed"
        edge.logged(lambda _: [line.get("msg") for line in edge.lines].count(failed) >= 6)
        edge.flip(both(green))
        assert edge.client("one.test").post("/", content=b"x").json()["slot"] == "green"
        edge.logged(lambda line: line.get("msg") == "host is up")
