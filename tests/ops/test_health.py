"""Judging services by what the servers' Docker tells."""

from __future__ import annotations

import json
from typing import Any

from ops.health import Containers, judge, parsed, short, unhealthy
from ops.status import all_healthy, document

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


def test_a_server_that_cannot_be_asked_makes_all_its_services_unhealthy() -> None:
    there = {"main": Containers(by_name={}, unreachable="server does not answer")}
    found = judge([SERVICE], there)
    assert found[0].reason == "server does not answer"
    assert not all_healthy(found)


def test_the_answer_for_programs_has_the_count_and_every_service() -> None:
    image = {"reference": IMAGE, "id": IMAGES[IMAGE]}
    told = "\n".join([json.dumps(container()), json.dumps(image), ""])
    found = judge([SERVICE], {"main": parsed(told)})
    assert document(found) == {
        "healthy": 1,
        "total": 1,
        "services": [{**SERVICE, "healthy": True}],
    }
    assert all_healthy(found)


def test_no_services_are_not_all_healthy() -> None:
    assert not all_healthy([])
