"""What callers notice of a gate: canaries and maintenance before the real Caddy, never reloaded."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from math import sqrt

import pytest

from components.edge.gate import CANARY_LABEL, MAINTENANCE_LABEL, Gate
from components.edge.metrics import SERVICE_LABEL
from components.edge.routes import Upstream
from localcloud.processes import wait_until
from tests.components.edge.caddy import DEADLINE, RunningEdge
from tests.components.edge.load import Load, fresh, kept
from tests.components.edge.services import both
from tests.components.edge.upstream import Service
from tests.support.ports import free_port

PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
ASSET = {"Accept": "*/*", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-origin"}
CALL = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site"}
REQUESTS = 2000


@pytest.fixture
def gates(edge: RunningEdge, blue: Service) -> Iterator[Gates]:
    """Sets gates; afterwards all are open."""
    found = Gates(edge, blue)
    yield found
    found()


class Gates:
    """The gates of services whose blue slot is live."""

    def __init__(self, edge: RunningEdge, blue: Service):
        self._edge = edge
        self._live = both(blue)

    def __call__(self, **gates: Gate) -> None:
        """Set these, and open all others."""
        self._edge.flip(self._live, {name: gate.text for name, gate in gates.items()})


def share(percent: int, green: Service | Upstream) -> Gate:
    upstream = green.upstream if isinstance(green, Service) else green
    return Gate(percent=percent, canary=upstream.dial)


def slots(
    edge: RunningEdge, host: str, number: int, headers: Mapping[str, str], port: int = 443
) -> Counter[str]:
    """Who answers so many clients without a cookie."""
    with edge.client(host, port=port) as client:
        found: Counter[str] = Counter()
        for _ in range(number):
            client.cookies.clear()
            found[client.get("/", headers=headers).json()["slot"]] += 1
    return found


@pytest.mark.parametrize(("host", "port"), [("one.test", 443), ("edge", 3001)])
def test_a_canary_gets_its_share_of_requests_within_five_sigma(
    edge: RunningEdge, gates: Gates, green: Service, host: str, port: int
) -> None:
    gates(one=share(10, green))
    found = slots(edge, host, REQUESTS, {}, port)["green"]
    assert abs(found - 0.1 * REQUESTS) < 5 * sqrt(REQUESTS * 0.1 * 0.9)


@pytest.mark.parametrize("headers", [PAGE, CALL], ids=["page", "call"])
def test_new_visitors_and_calls_from_other_hosts_are_drawn(
    edge: RunningEdge, gates: Gates, green: Service, headers: dict[str, str]
) -> None:
    gates(one=share(50, green))
    found = slots(edge, "one.test", 400, headers)["green"]
    assert abs(found - 200) < 5 * 10


def test_a_visitor_stays_on_one_side_and_assets_come_from_the_pages(
    edge: RunningEdge, gates: Gates, green: Service
) -> None:
    gates(one=share(50, green))
    seen: set[str] = set()
    for _ in range(40):
        with edge.client("one.test") as browser:
            page = browser.get("/", headers=PAGE)
            (cookie,) = page.headers.get_list("Set-Cookie")
            drawn = cookie.partition(";")[0]
            side = page.json()["slot"]
            for kind in (ASSET, CALL, PAGE):
                again = browser.get("/", headers={**kind, "Cookie": drawn})
                assert again.json()["slot"] == side
        assert cookie.startswith("__Host-canary=")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
        seen.add(side)
    assert seen == {"blue", "green"}


def test_who_is_in_at_a_small_share_is_in_at_a_larger_one(
    edge: RunningEdge, gates: Gates, green: Service
) -> None:
    for percent, inside in ((1, 41), (10, 410), (50, 2048), (99, 4055)):
        gates(one=share(percent, green))
        client = edge.client("one.test")
        for drawn, slot in ((inside - 1, "green"), (inside, "blue"), (0, "green"), (4095, "blue")):
            cookie = {"Cookie": f"other=1; __Host-canary={drawn:03x}"}
            assert client.get("/", headers=cookie).json()["slot"] == slot, (percent, drawn)


def test_a_page_from_before_the_canary_gets_its_assets_where_it_came_from(
    edge: RunningEdge, gates: Gates, green: Service
) -> None:
    gates(one=share(99, green))
    answer = edge.client("one.test").get("/", headers=ASSET)
    assert "Set-Cookie" not in answer.headers
    assert slots(edge, "one.test", 50, ASSET) == {"blue": 50}


@pytest.mark.parametrize("cookie", ["", "FFF", "0000", "~", "{env.HOME}", "|navigate||000"])
def test_a_cookie_that_is_none_of_ours_is_drawn_anew(
    edge: RunningEdge, gates: Gates, green: Service, cookie: str
) -> None:
    gates(one=share(99, green))
    client = edge.client("one.test")
    answers = [
        client.get("/", headers={**ASSET, "Cookie": f"__Host-canary={cookie}"}) for _ in range(5)
    ]
    assert [answer.json()["slot"] for answer in answers] == ["blue"] * 5


def test_an_apps_update_and_its_assets_come_from_one_side(
    edge: RunningEdge, gates: Gates, green: Service
) -> None:
    gates(one=share(70, green))
    client = edge.client("one.test")
    for identity, slot in {"b32": "green", "B32": "green", "b33": "blue", "F00": "blue"}.items():
        app = {"EAS-Client-ID": f"{identity}c1edf-b519-4a55-8d86-4f1757e5017a"}
        found = {client.get("/", headers=app).json()["slot"] for _ in range(5)}
        assert found == {slot}, identity


def test_without_a_canary_nobody_gets_a_cookie(edge: RunningEdge, gates: Gates) -> None:
    gates()
    answer = edge.client("one.test").get("/", headers={**PAGE, "Cookie": "__Host-canary=000"})
    assert answer.json()["slot"] == "blue"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_canary_that_is_down_fails_no_request(
    edge: RunningEdge, gates: Gates, method: str
) -> None:
    gates(one=share(99, Upstream(container="127.0.0.1", port=free_port(), slot="green")))
    client = edge.client("one.test")
    content = b"x" if method == "POST" else None
    answers = [client.request(method, "/", content=content) for _ in range(50)]
    assert {(answer.status_code, answer.json()["slot"]) for answer in answers} == {(200, "blue")}


def test_what_a_canary_drops_is_asked_again_of_the_live_slot_when_that_is_safe(
    edge: RunningEdge, gates: Gates, blue: Service, green: Service
) -> None:
    gates(two=share(99, green))
    client = edge.client("two.test")
    cookie = {"Cookie": "__Host-canary=000"}
    # The live slot has dropped its own first one already.
    client.get("/drop", headers={"X-Manacore-Slot": "blue"})
    assert client.get("/drop", headers=cookie).status_code == 200
    asked = [service.asked.count("GET /drop") for service in (green, blue)]
    assert asked == [1, 2]


def test_no_request_is_lost_in_many_changes_of_a_canary_under_load(
    edge: RunningEdge, gates: Gates, blue: Service, green: Service
) -> None:
    callers = {
        "fresh": fresh(edge, "one.test"),
        "kept": kept(edge, "one.test", "GET"),
        "posts": kept(edge, "two.test", "POST"),
        "inside": kept(edge, "edge", "POST", port=3001),
    }
    changes = itertools.cycle([99, 1, 50, 0])
    with Load(callers) as load:
        for percent in itertools.islice(changes, 24):
            gate = share(percent, green) if percent else Gate()
            gates(one=gate, two=gate)
            load.answered_by((green if percent == 99 else blue).slot)
    assert load.lost == []
    served = Counter(load.answers)
    assert all(served[caller, slot] for caller in callers for slot in ("blue", "green"))


def test_maintenance_is_a_friendly_page_of_one_service_while_its_slots_can_be_tested(
    edge: RunningEdge, gates: Gates
) -> None:
    gates(one=Gate(maintenance="Wir sind um 18 Uhr zurück, 100 % sicher."))
    client = edge.client("one.test")
    page, data = (client.get("/", headers={"Accept": kind}) for kind in ("*/*", "application/json"))
    for answer in (page, data, client.post("/", content=b"x")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" in answer.headers
    assert "Under maintenance" in page.text
    assert "Wir sind um 18 Uhr zurück, 100 % sicher." in page.text
    assert data.json()["error"]["message"] == "Wir sind um 18 Uhr zurück, 100 % sicher."
    assert data.json()["error"]["request_id"] == data.headers["X-Request-Id"]
    assert edge.client("edge", port=3001).get("/").status_code == 503
    assert client.get("/", headers={"X-Manacore-Slot": "green"}).json()["slot"] == "green"
    assert edge.client("two.test").get("/").status_code == 200
    gates()
    assert client.get("/").status_code == 200


def test_maintenance_goes_before_a_canary(edge: RunningEdge, gates: Gates, green: Service) -> None:
    gates(one=Gate(percent=99, canary=green.upstream.dial, maintenance="Later."))
    assert edge.client("one.test").get("/", headers=PAGE).status_code == 503


def test_a_websocket_stays_open_over_canaries_and_maintenance(
    edge: RunningEdge, gates: Gates, green: Service
) -> None:
    gates()
    with edge.websocket("one.test") as stream:
        for gate in (share(99, green), Gate(maintenance="Later."), Gate()):
            gates(one=gate)
            stream.sendall(b"still there?")
            assert stream.recv(4096) == b"still there?"


def test_an_upload_that_is_under_way_ends_as_it_began(
    edge: RunningEdge, gates: Gates, blue: Service, green: Service
) -> None:
    with edge.tls("one.test") as upload:
        upload.sendall(b"POST /up HTTP/1.1\r\nHost: one.test\r\nContent-Length: 6\r\n\r\none")
        assert wait_until(lambda: "POST /up" in blue.asked, DEADLINE), "it is not under way"
        for gate in (share(99, green), Gate(maintenance="Later.")):
            gates(one=gate)
        upload.sendall(b"two")
        answer = upload.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"slot": "blue"' in answer


def test_metrics_count_canary_and_maintenance_apart_and_all_of_them_together(
    edge: RunningEdge, gates: Gates, green: Service
) -> None:
    def counted() -> dict[str, int]:
        return {
            label: sum(
                int(line.rpartition(" ")[2])
                for line in edge.metrics().splitlines()
                if line.startswith("caddy_http_requests_total")
                and f'handler="{label}",host="one.test",server="public"' in line
            )
            for label in (SERVICE_LABEL, CANARY_LABEL, MAINTENANCE_LABEL)
        }

    before = counted()
    client = edge.client("one.test")
    gates(one=share(50, green))
    for drawn in ("000", "000", "fff"):
        client.get("/", headers={"Cookie": f"__Host-canary={drawn}"})
    gates(one=Gate(maintenance="Later."))
    for _ in range(4):
        client.get("/")
    after = counted()
    assert [after[label] - before[label] for label in after] == [7, 2, 4]
