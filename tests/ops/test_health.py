"""Judging services by what the servers' Docker tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.health import Containers, judge, parsed, short, unhealthy
from ops.status import Found, document, show

IMAGE = "ghcr.io/wuesteon/chat-backend:main-4f1c2ab"
OTHER = "ghcr.io/wuesteon/chat-backend:latest"
IMAGES = {IMAGE: f"sha256:{IMAGE}", OTHER: f"sha256:{OTHER}"}
SERVICE: dict[str, Any] = {
    "name": "chat-backend",
    "kind": "nestjs",
    "slot": "blue",
    "image": IMAGE,
    "url": "https://api-chat.example.com",
    "server": "main",
    "container": "chat-backend-blue",
}


def container(
    status: str = "healthy", *, image: str = IMAGE, running: bool = True
) -> dict[str, Any]:
    health = {"Status": status, "Log": [{"Output": "connection refused\n"}]}
    state = {"Running": running, "Status": "exited", "ExitCode": 137, "Health": health}
    return {"name": "/chat-backend-blue", "id": f"sha256:{image}", "state": state}


def test_a_running_container_with_a_passing_check_is_healthy() -> None:
    assert unhealthy(container(), IMAGE, IMAGES) == ""


def test_what_is_wrong_is_said_in_words() -> None:
    assert unhealthy(None, IMAGE, IMAGES) == "has no container"
    assert "exit code 137" in unhealthy(container(running=False), IMAGE, IMAGES)
    assert unhealthy(container("unhealthy"), IMAGE, IMAGES) == "unhealthy: connection refused"
    assert unhealthy(container("starting"), IMAGE, IMAGES).startswith("starting")


def test_another_version_than_the_ledgers_is_not_healthy() -> None:
    assert unhealthy(container(image=OTHER), IMAGE, IMAGES) == f"runs {OTHER} instead of {IMAGE}"


def test_an_image_of_docker_hub_is_known_by_its_short_name() -> None:
    assert short("docker.io/library/postgres:16.15") == "postgres:16.15"
    assert short("docker.io/prom/prometheus:v3.5.0") == "prom/prometheus:v3.5.0"
    assert short(IMAGE) == IMAGE


def test_a_container_without_a_check_is_not_called_healthy() -> None:
    bare = {"name": "/x", "id": f"sha256:{IMAGE}", "state": {"Running": True}}
    assert unhealthy(bare, IMAGE, IMAGES) == "has no health check"


EDGE: dict[str, Any] = {
    "name": "edge",
    "kind": "edge",
    "slot": None,
    "image": IMAGE,
    "url": None,
    "server": "main",
    "container": "edge-1",
}


def found(*containers: dict[str, Any], support: list[dict[str, Any]] | None = None) -> Found:
    """How one service is, and its support, on a server with these containers."""
    image = {"reference": IMAGE, "id": IMAGES[IMAGE]}
    there = {"main": parsed("\n".join(json.dumps(one) for one in [*containers, image]))}
    return Found(services=judge([SERVICE], there), support=judge(support or [], there))


def test_a_server_that_cannot_be_asked_makes_all_its_services_unhealthy() -> None:
    there = {"main": Containers(by_name={}, unreachable="server does not answer")}
    judged = judge([SERVICE], there)
    assert judged[0].reason == "server does not answer"
    assert not Found(services=judged, support=[]).healthy


def test_the_answer_for_programs_has_the_count_and_every_service() -> None:
    edge = {**container(), "name": "/edge-1"}
    both = found(container(), edge, support=[EDGE])
    assert document(both) == {
        "healthy": 1,
        "total": 1,
        "services": [{**SERVICE, "healthy": True}],
        "support": [{**EDGE, "healthy": True}],
    }
    assert both.healthy


def test_services_without_their_edge_are_not_called_healthy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost = found(container(), support=[EDGE])
    assert not lost.healthy
    show(lost)
    *_, reason, last = capsys.readouterr().out.splitlines()
    assert reason == "unhealthy: edge on main: has no container"
    assert last == "1/1 services healthy, without edge on main"


def test_the_last_line_is_the_count_alone_when_all_is_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(found(container()))
    assert capsys.readouterr().out.splitlines()[-1] == "1/1 services healthy"


def test_no_services_are_not_healthy() -> None:
    assert not Found(services=[], support=[]).healthy
