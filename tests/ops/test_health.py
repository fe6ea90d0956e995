"""Judging services by what the servers' Docker tells."""

from __future__ import annotations

import json
from typing import Any

from ops.health import Containers, judge, parsed, unhealthy
from ops.status import all_healthy, document

IMAGE = "ghcr.io/wuesteon/chat-backend:main-4f1c2ab"
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
    return {"name": "/chat-backend-blue", "image": image, "state": state}


def test_a_running_container_with_a_passing_check_is_healthy() -> None:
    assert unhealthy(container(), IMAGE) == ""


def test_what_is_wrong_is_said_in_words() -> None:
    assert unhealthy(None, IMAGE) == "has no container"
    assert "exit code 137" in unhealthy(container(running=False), IMAGE)
    assert unhealthy(container("unhealthy"), IMAGE) == "unhealthy: connection refused"
    assert unhealthy(container("starting"), IMAGE).startswith("starting")


def test_another_version_than_the_ledgers_is_not_healthy() -> None:
    assert "instead of" in unhealthy(container(image="ghcr.io/wuesteon/chat-backend:latest"), IMAGE)


def test_a_container_without_a_check_is_not_called_healthy() -> None:
    bare = {"name": "/x", "image": IMAGE, "state": {"Running": True}}
    assert unhealthy(bare, IMAGE) == "has no health check"


def test_a_server_that_cannot_be_asked_makes_all_its_services_unhealthy() -> None:
    there = {"main": Containers(by_name={}, unreachable="server does not answer")}
    found = judge([SERVICE], there)
    assert found[0].reason == "server does not answer"
    assert not all_healthy(found)


def test_the_answer_for_programs_has_the_count_and_every_service() -> None:
    told = "\n".join([json.dumps(container()), ""])
    found = judge([SERVICE], {"main": Containers(by_name=parsed(told))})
    assert document(found) == {
        "healthy": 1,
        "total": 1,
        "services": [{**SERVICE, "healthy": True}],
    }
    assert all_healthy(found)


def test_no_services_are_not_all_healthy() -> None:
    assert not all_healthy([])
