"""Failures on demand: what a client sees, what the app does, what the journal says."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from localcloud.emulators.faults import Faults


@dataclass
class Shop:
    """A small app behind the faults, and a client of it."""

    client: httpx.Client
    orders: list[str] = field(default_factory=list[str])

    def fault(self, **rule: object) -> httpx.Response:
        return self.client.post("/_faults", json=rule)

    def journal(self) -> list[tuple[str, str, int, bool]]:
        rows = self.client.get("/_requests").json()
        return [(row["method"], row["path"], row["status"], row["fault"]) for row in rows]


@pytest.fixture
def shop() -> Generator[Shop]:
    app = FastAPI()
    orders: list[str] = []

    @app.post("/orders/{name}", status_code=201)
    def order(name: str) -> dict[str, str]:
        orders.append(name)
        return {"name": name}

    @app.get("/orders")
    def index() -> list[str]:
        return orders

    Faults.install(app, lambda status: {"error": {"code": status}})
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield Shop(client, orders)
    server.should_exit = True
    thread.join()


def test_a_rule_meets_its_method_and_path_as_often_as_it_says(shop: Shop) -> None:
    shop.fault(method="POST", path_regex="^/orders/", status=503, times=2)

    statuses = [shop.client.post("/orders/a").status_code for _ in range(3)]

    assert shop.client.get("/orders").json() == ["a"]
    assert statuses == [503, 503, 201]
    assert shop.client.get("/_faults").json() == []


def test_the_answer_has_the_vendors_body_and_the_time_to_wait(shop: Shop) -> None:
    shop.fault(path_regex="/orders", status=429, retry_after=2)
    answer = shop.client.get("/orders")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "2"
    assert answer.json() == {"error": {"code": 429}}

    shop.fault(path_regex="/orders", status=418, body={"tea": True})
    assert shop.client.get("/orders").json() == {"tea": True}


def test_a_lost_answer_has_had_its_effect(shop: Shop) -> None:
    shop.fault(method="POST", path_regex="/orders/", status=500, after=True)

    assert shop.client.post("/orders/a").status_code == 500

    assert shop.orders == ["a"]


def test_a_cut_connection_is_an_error_of_the_connection(shop: Shop) -> None:
    shop.fault(path_regex="/orders", status=0)
    with pytest.raises(httpx.TransportError):
        shop.client.get("/orders")
    assert shop.client.get("/orders").status_code == 200


def test_a_late_answer_is_late_and_whole(shop: Shop) -> None:
    shop.fault(path_regex="/orders", delay_seconds=0.3)
    began = time.monotonic()
    assert shop.client.post("/orders/a").json() == {"name": "a"}
    assert time.monotonic() - began >= 0.3


def test_a_late_answer_holds_up_nobody_else(shop: Shop) -> None:
    shop.fault(method="POST", path_regex="/orders", delay_seconds=5)
    with pytest.raises(httpx.TimeoutException):
        shop.client.post("/orders/a", timeout=0.2)
    began = time.monotonic()
    assert shop.client.get("/orders").status_code == 200
    assert time.monotonic() - began < 2


def test_a_rule_without_end_holds_until_it_is_forgotten(shop: Shop) -> None:
    shop.fault(path_regex="/orders", status=500, times=None)
    assert [shop.client.get("/orders").status_code for _ in range(4)] == [500] * 4
    assert shop.client.delete("/_faults").status_code == 204
    assert shop.client.get("/orders").status_code == 200


def test_the_first_rule_that_matches_applies(shop: Shop) -> None:
    shop.fault(path_regex="/orders", status=500)
    shop.fault(path_regex="/orders", status=502)
    assert [shop.client.get("/orders").status_code for _ in range(3)] == [500, 502, 200]


def test_the_journal_has_every_request_with_what_was_answered(shop: Shop) -> None:
    shop.fault(method="GET", path_regex="/orders", status=500)
    shop.client.get("/orders", params={"page": "2"})
    shop.client.post("/orders/a")
    shop.client.get("/nowhere")

    assert shop.journal() == [
        ("GET", "/orders", 500, True),
        ("POST", "/orders/a", 201, False),
        ("GET", "/nowhere", 404, False),
    ]
    assert shop.client.get("/_requests").json()[0]["query"] == "page=2"
    shop.client.delete("/_requests")
    assert shop.journal() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"status": 500},
        {"path_regex": "("},
        {"path_regex": "x", "times": 0},
        {"path_regex": "x", "delay_seconds": -1},
        {"path_regex": "x", "stauts": 500},
    ],
)
def test_a_rule_that_says_nonsense_is_refused(shop: Shop, rule: dict[str, object]) -> None:
    assert shop.fault(**rule).status_code == 400
    assert shop.client.get("/_faults").json() == []


def test_control_paths_know_their_methods(shop: Shop) -> None:
    assert shop.client.put("/_faults").status_code == 405
    assert shop.client.patch("/_requests").status_code == 405
