"""Looking things up at the vendors by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ops import vendors
from ops.failures import OpsError
from ops.vendors import Lookup, Vendors

VARIABLES = {
    "HCLOUD_TOKEN": "t",
    "HCLOUD_ENDPOINT": "http://127.0.0.1:1/v1",
    "CLOUDFLARE_BASE_URL": "http://127.0.0.1:1/client/v4",
}
INPUTS: dict[str, Any] = {"name": "main", "labels": {"stack": "staging"}}
Answer = Callable[[str], dict[str, Any]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def install(body: dict[str, Any]) -> list[httpx.Request]:
        def get(url: str, **options: Any) -> httpx.Response:
            request = httpx.Request("GET", url, params=options["params"])
            seen.append(request)
            return httpx.Response(200, json=body, request=request)

        monkeypatch.setattr(vendors.httpx, "get", get)
        return seen

    return install


def test_a_server_is_found_by_name_and_labels(
    answers: Callable[[dict[str, Any]], list[httpx.Request]],
) -> None:
    seen = answers({"servers": [{"id": 42, "labels": {"stack": "staging"}}]})
    find = Lookup.of(Vendors(VARIABLES, {}), "hcloud:index/server:Server")
    assert find is not None
    assert find(INPUTS) == "42"
    assert str(seen[0].url) == "http://127.0.0.1:1/v1/servers?name=main"


def test_somebody_elses_server_of_that_name_is_never_adopted(
    answers: Callable[[dict[str, Any]], list[httpx.Request]],
) -> None:
    answers({"servers": [{"id": 42, "labels": {"team": "other"}}]})
    assert Vendors(VARIABLES, {}).hcloud("servers", INPUTS) is None


def test_a_dns_record_is_found_by_its_content(
    answers: Callable[[dict[str, Any]], list[httpx.Request]],
) -> None:
    answers({"result": [{"id": "r1", "content": "1.1.1.1"}, {"id": "r2", "content": "2.2.2.2"}]})
    inputs = {"zoneId": "z", "name": "a.example.com", "type": "A", "content": "2.2.2.2"}
    assert Vendors(VARIABLES, {}).dns_record(inputs) == "z/r2"


def test_what_is_put_and_not_posted_needs_no_look_up() -> None:
    assert Lookup.of(Vendors(VARIABLES, {}), "github:index/actionsSecret:ActionsSecret") is None


def test_a_vendor_that_does_not_answer_stops_the_update_with_a_remedy() -> None:
    with pytest.raises(OpsError, match=r"(?s)cannot be looked up.*HCLOUD_TOKEN"):
        Vendors(VARIABLES, {}).hcloud("servers", INPUTS)


def test_a_half_made_container_is_removed_on_every_docker_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(vendors, "_run", commands.append)
    state = {
        "resources": [
            {
                "type": "pulumi:providers:docker",
                "inputs": {"host": "ssh://deploy@198.51.100.10", "sshOpts": '["-o","A=b"]'},
            }
        ]
    }
    Vendors(VARIABLES, state).container({"name": "chat-backend-blue"})
    Vendors(VARIABLES, state).container({"name": "x; reboot"})
    assert commands == [
        ["ssh", "-o", "A=b", "deploy@198.51.100.10", "docker rm --force chat-backend-blue"]
    ]
