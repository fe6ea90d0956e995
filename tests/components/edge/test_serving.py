"""What a running edge answers: the real Caddy before services of the test's own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from components.edge.certificates import Certificates
from components.edge.config import EdgeConfig
from components.edge.proxy import Timing
from components.edge.routes import InternalRoute, PublicRoute, Slots, Upstream
from tests.components.edge.caddy import RunningEdge
from tests.components.edge.upstream import Service
from tests.support.ports import free_port

CERTIFICATES = Certificates(issuer="internal", email="a@example.org", directory="")
SECRET = "not-for-the-log"


def nobody() -> PublicRoute:
    """A host whose service is down."""
    upstream = Upstream(container="127.0.0.1", port=free_port())
    return PublicRoute(host="down.test", upstream=upstream, health="/")


@pytest.fixture
def new_edge() -> Iterator[RunningEdge]:
    """An edge whose health checks have not found out yet who is down."""
    config = EdgeConfig(
        public=[nobody()],
        internal=[],
        metrics=[],
        certificates=CERTIFICATES,
        timing=Timing(retry=1),
    )
    with RunningEdge(config, {}) as running:
        yield running


@pytest.fixture(scope="module")
def edge(blue: Service, green: Service) -> Iterator[RunningEdge]:
    slots = Slots(service="one", upstreams=[blue.upstream, green.upstream])
    both: dict[str, Any] = {"upstream": slots, "health": "/"}
    config = EdgeConfig(
        public=[
            PublicRoute(host="one.test", www=True, **both),
            PublicRoute(host="other.test", upstream=green.upstream, health="/"),
            PublicRoute(host="small.test", body_limit=1000, **both),
            nobody(),
        ],
        internal=[InternalRoute(port=3001, **both)],
        metrics=[],
        certificates=CERTIFICATES,
        timing=Timing(retry=1),
    )
    with RunningEdge(config, {"one": blue.upstream.dial}) as running:
        yield running


def test_each_host_reaches_its_own_service(edge: RunningEdge) -> None:
    assert edge.client("one.test").get("/").json()["slot"] == "blue"
    assert edge.client("other.test").get("/").json()["slot"] == "green"


def test_callers_inside_reach_the_live_slot_by_port(edge: RunningEdge) -> None:
    assert edge.client("edge", port=3001).get("/").json()["slot"] == "blue"


def test_an_unknown_host_is_refused_rather_than_served(edge: RunningEdge) -> None:
    assert edge.client("nobody.test", port=80).get("/").status_code == 421
    with edge.tls("one.test") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize(
    ("host", "port", "target"),
    [
        ("one.test", 80, "https://one.test/a?b=c"),
        ("www.one.test", 80, "https://one.test/a?b=c"),
        ("www.one.test", 443, "https://one.test/a?b=c"),
    ],
)
def test_a_known_host_is_redirected(edge: RunningEdge, host: str, port: int, target: str) -> None:
    answer = edge.client(host, port=port).get("/a?b=c")
    assert (answer.status_code, answer.headers["Location"]) == (308, target)


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_both_protocols_over_tcp_are_spoken(edge: RunningEdge, protocol: str) -> None:
    with edge.tls("one.test", protocols=(protocol,)) as connection:
        assert connection.selected_alpn_protocol() == protocol


def test_http_3_is_offered_and_listened_for(edge: RunningEdge) -> None:
    offered = edge.client("one.test").get("/").headers["Alt-Svc"]
    assert f'h3=":{edge.ports[443]}"' in offered
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
        pytest.raises(OSError, match="in use"),
    ):
        own.bind(("127.0.0.1", edge.ports[443]))


def test_the_request_id_is_passed_on_answered_and_logged(edge: RunningEdge) -> None:
    answer = edge.client("one.test").get("/", headers={"X-Request-Id": "caller-0001"})
    assert answer.headers["X-Request-Id"] == "caller-0001"
    assert answer.json()["headers"]["X-Request-Id"] == "caller-0001"
    line = edge.logged(lambda line: line.get("request_id") == "caller-0001")
    assert line["logger"].startswith("http.log.access")
    assert (line["status"], line["request"]["host"]) == (200, "one.test")
    assert line["upstream"].startswith("127.0.0.1:")


@pytest.mark.parametrize("bad", ["a-b-c", "x" * 65, "with space", '"><script>alert(1)</script>'])
def test_a_request_id_that_is_not_sane_is_replaced(edge: RunningEdge, bad: str) -> None:
    answer = edge.client("down.test").get("/", headers={"X-Request-Id": bad})
    made = answer.headers["X-Request-Id"]
    assert len(made) == 36
    assert made in answer.text
    assert bad not in answer.text


SPOOFED = {"Cf-Connecting-Ip": "203.0.113.7", "X-Forwarded-For": "198.51.100.1, 203.0.113.7"}


def test_who_the_client_is_nobody_may_claim(edge: RunningEdge) -> None:
    told = edge.client("one.test").get("/", headers=SPOOFED).json()["headers"]
    assert told["X-Forwarded-For"] == "127.0.0.1"


def test_a_trusted_proxy_says_who_the_client_is(blue: Service) -> None:
    config = EdgeConfig(
        public=[PublicRoute(host="one.test", upstream=blue.upstream, health="/")],
        internal=[],
        metrics=[],
        certificates=CERTIFICATES,
        trusted=["127.0.0.0/8"],
    )
    with RunningEdge(config, {}) as running:
        told = running.client("one.test").get("/", headers=SPOOFED).json()["headers"]
        line = running.logged(lambda line: line.get("status") == 200)
    assert told["X-Forwarded-For"] == "203.0.113.7"
    assert line["request"]["client_ip"] == "203.0.113.7"


def test_several_request_ids_are_none(edge: RunningEdge) -> None:
    headers = [("X-Request-Id", "caller-0001"), ("X-Request-Id", "caller-0002")]
    seen = edge.client("one.test").get("/", headers=headers).json()["headers"]["X-Request-Id"]
    assert len(seen) == 36


def test_no_secret_is_in_the_log(edge: RunningEdge) -> None:
    edge.client("one.test").get(
        f"/?token={SECRET}&shown=yes",
        headers={
            "X-Request-Id": "secret-0001",
            "Authorization": f"Bearer {SECRET}",
            "Cookie": f"session={SECRET}",
            "X-Api-Key": SECRET,
            "Referer": f"https://one.test/?code={SECRET}",
        },
    )
    line = json.dumps(edge.logged(lambda line: line.get("request_id") == "secret-0001"))
    assert SECRET not in line
    assert "shown=yes" in line


def test_answers_are_compressed(edge: RunningEdge) -> None:
    answer = edge.client("one.test").get("/large", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.text.startswith("much of the same")


def test_security_headers_leave_a_services_own_policy_alone(edge: RunningEdge) -> None:
    plain, own = (edge.client("one.test").get(path).headers for path in ("/", "/own"))
    assert plain["Strict-Transport-Security"] == "max-age=31536000"
    assert plain["X-Content-Type-Options"] == "nosniff"
    assert plain["X-Frame-Options"] == "SAMEORIGIN"
    assert plain["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert own.get_list("Referrer-Policy") == ["no-referrer"]
    assert own.get_list("X-Request-Id") != ["of-the-service"]
    assert "Server" not in plain


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,*/*", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/expo+json", "application/json"),
    ],
)
def test_a_service_that_is_down_has_a_friendly_page(
    new_edge: RunningEdge, accept: str, kind: str
) -> None:
    answer = new_edge.client("down.test").get("/", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, kind)
    assert answer.headers["X-Request-Id"] in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "src=" not in answer.text and "href=" not in answer.text
    if kind == "application/json":
        assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]


def test_a_services_own_error_is_its_own(edge: RunningEdge) -> None:
    answer = edge.client("one.test").get("/status/503")
    assert (answer.status_code, answer.text) == (503, "its own words")


@pytest.mark.parametrize(("host", "port"), [("one.test", 443), ("edge", 3001)])
def test_a_private_caller_reaches_either_slot_by_header(
    edge: RunningEdge, host: str, port: int
) -> None:
    client = edge.client(host, port=port)
    for slot in ("blue", "green"):
        answer = client.get("/", headers={"X-Manacore-Slot": slot})
        assert (answer.json()["slot"], answer.headers["X-Manacore-Slot"]) == (slot, slot)
    for unknown in ("red", "Green", "green,blue", ""):
        answer = client.get("/", headers={"X-Manacore-Slot": unknown})
        assert (answer.json()["slot"], answer.headers.get("X-Manacore-Slot")) == ("blue", None)


@pytest.mark.parametrize("size", [999, 1001, 10**6])
def test_a_body_above_the_limit_is_refused(edge: RunningEdge, size: int) -> None:
    answer = edge.client("small.test").post("/", content=b"x" * size)
    assert answer.status_code == (200 if size < 1000 else 413)


def test_a_get_is_tried_again_and_a_post_never(edge: RunningEdge, blue: Service) -> None:
    client = edge.client("one.test")
    assert client.get("/drop").status_code == 200
    assert blue.asked.count("GET /drop") == 2
    assert client.post("/drop", content=b"x").status_code == 502
    assert blue.asked.count("POST /drop") == 1


def test_metrics_count_each_request_of_a_host_once(edge: RunningEdge) -> None:
    def counted() -> int:
        series = 'caddy_http_requests_total{handler="subroute",host="other.test",server="public"} '
        found = [line for line in edge.metrics().splitlines() if line.startswith(series)]
        return int(found[0].removeprefix(series)) if found else 0

    before = counted()
    for _ in range(3):
        edge.client("other.test").get("/")
    assert counted() == before + 3


def _one(upstream: Upstream | Slots, timing: Timing) -> EdgeConfig:
    return EdgeConfig(
        public=[PublicRoute(host="one.test", upstream=upstream, health="/")],
        internal=[],
        metrics=[],
        certificates=CERTIFICATES,
        timing=timing,
    )


def test_a_public_caller_cannot_choose_the_slot(blue: Service, green: Service) -> None:
    def from_elsewhere(document: dict[str, Any]) -> None:
        document["apps"]["http"]["servers"]["public"]["listener_wrappers"] = [
            {"wrapper": "proxy_protocol", "allow": ["127.0.0.1/32"]},
            {"wrapper": "tls"},
        ]

    asked = b"GET / HTTP/1.1\r\nHost: one.test\r\nX-Manacore-Slot: green\r\n\r\n"
    slots = Slots(service="one", upstreams=[blue.upstream, green.upstream])
    with RunningEdge(
        _one(slots, Timing()), {"one": blue.upstream.dial}, patch=from_elsewhere
    ) as edge:
        for address, slot in {b"203.0.113.9": b"blue", b"10.0.0.9": b"green"}.items():
            source = b"PROXY TCP4 " + address + b" 127.0.0.1 5000 443\r\n"
            with edge.tls("one.test", before=source) as connection:
                connection.sendall(asked)
                assert b'"slot": "' + slot in connection.recv(65536)


def test_a_post_waits_for_a_service_that_starts_and_arrives_once() -> None:
    def talkative(document: dict[str, Any]) -> None:
        document["logging"]["logs"]["default"]["level"] = "DEBUG"

    port = free_port()
    late = Upstream(container="127.0.0.1", port=port, slot="blue")
    slots = Slots(service="one", upstreams=[late])
    with (
        RunningEdge(_one(slots, Timing()), {"one": late.dial}, patch=talkative) as edge,
        edge.tls("one.test") as connection,
    ):
        connection.sendall(
            b"POST /late HTTP/1.1\r\nHost: one.test\r\nContent-Length: 4\r\n\r\nbody"
        )
        edge.logged(lambda line: line.get("msg") == "upstream roundtrip" and "error" in line)
        with Service("late", port) as service:
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            assert b'"body": 4' in answer
            assert service.asked.count("POST /late") == 1
