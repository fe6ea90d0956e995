"""What the Hetzner emulator refuses, in the vendor's words, seen through the vendor's client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hcloud import APIException, Client
from hcloud.firewalls.domain import FirewallRule
from hcloud.images.domain import Image
from hcloud.locations.domain import Location
from hcloud.server_types.domain import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

from localcloud.machines.memory import MemoryMachines
from tests.localcloud.hetzner.conftest import TOKEN, Emulator, given, serve

FSN = Location(name="fsn1")


def server(client: Client, **changes: Any) -> Any:
    """Ask for a server, with some of its properties changed."""
    wanted: dict[str, Any] = {
        "name": "staging-1",
        "server_type": ServerType(name="ccx33"),
        "image": Image(name="debian-13"),
        "location": FSN,
        **changes,
    }
    response = client.servers.create(**wanted)
    for action in [response.action, *response.next_actions]:
        action.wait_until_finished()
    return response.server


def refused(call: Callable[[], object]) -> APIException:
    with pytest.raises(APIException) as failure:
        call()
    return failure.value


def fields(error: APIException) -> list[str]:
    details: Any = error.details
    assert all(item["messages"] for item in details["fields"])
    return [item["name"] for item in details["fields"]]


def rule(**changes: Any) -> FirewallRule:
    wanted: dict[str, Any] = {
        "direction": "in",
        "protocol": "tcp",
        "port": "22",
        "source_ips": ["0.0.0.0/0"],
    }
    return FirewallRule(**{**wanted, **changes})


BAD: list[tuple[Callable[[Client], object], str]] = [
    (lambda c: server(c, name="under_score"), "name"),
    (lambda c: server(c, server_type=ServerType(name="ccx32")), "server_type"),
    (lambda c: server(c, image=Image(name="debian-8")), "image"),
    (lambda c: server(c, location=Location(name="mars1")), "location"),
    (lambda c: server(c, labels={"a b": "c"}), "labels"),
    (lambda c: server(c, labels={"a": "c d"}), "labels"),
    (lambda c: server(c, user_data="x" * 40_000), "user_data"),
    (lambda c: c.networks.create(name="a", ip_range="8.8.8.0/24"), "ip_range"),
    (lambda c: c.networks.create(name="a", ip_range="10.0.0.1/16"), "ip_range"),
    (lambda c: c.networks.create(name=" ", ip_range="10.0.0.0/16"), "name"),
    (lambda c: c.ssh_keys.create(name="a", public_key="ssh-ed25519 AAAA"), "public_key"),
    (lambda c: c.volumes.create(name="a", size=1, location=FSN), "size"),
    (lambda c: c.volumes.create(name="a", size=20, location=FSN, format="ntfs"), "format"),
    (lambda c: c.firewalls.create(name="a", rules=[rule(port="0")]), "rules.0.port"),
    (lambda c: c.firewalls.create(name="a", rules=[rule(port="9-8")]), "rules.0.port"),
    (
        lambda c: c.firewalls.create(name="a", rules=[rule(), rule(source_ips=[])]),
        "rules.1.source_ips",
    ),
    (
        lambda c: c.firewalls.create(name="a", rules=[rule(source_ips=["10.0.0.1/8"])]),
        "rules.0.source_ips",
    ),
    (lambda c: c.primary_ips.create(type="ipv5", name="a", location=FSN), "type"),
]


@pytest.mark.parametrize(("ask", "field"), BAD)
def test_a_bad_value_is_refused_with_the_field(
    emulator: Emulator, ask: Callable[[Client], object], field: str
) -> None:
    error = refused(lambda: ask(emulator.client))
    assert error.code == "invalid_input"
    assert field in fields(error)
    client = emulator.client
    assert client.servers.get_all() == client.networks.get_all() == client.volumes.get_all() == []


def test_all_fields_that_a_request_lacks_are_named(emulator: Emulator) -> None:
    error = refused(lambda: emulator.client.request("POST", "/servers", json={"name": "a"}))
    assert (error.code, sorted(fields(error))) == ("invalid_input", ["image", "server_type"])


def test_a_name_is_used_once_per_kind(emulator: Emulator) -> None:
    client = emulator.client
    server(client)
    client.networks.create(name="private", ip_range="10.0.0.0/16")
    client.firewalls.create(name="edge")
    client.volumes.create(name="data", size=20, location=FSN)
    client.primary_ips.create(type="ipv4", name="public", location=FSN)
    for again in (
        lambda: server(client),
        lambda: client.networks.create(name="private", ip_range="10.1.0.0/16"),
        lambda: client.firewalls.create(name="edge"),
        lambda: client.volumes.create(name="data", size=20, location=FSN),
        lambda: client.primary_ips.create(type="ipv4", name="public", location=FSN),
    ):
        error = refused(again)
        assert (error.code, fields(error)) == ("uniqueness_error", ["name"])
    other = client.networks.create(name="other", ip_range="10.2.0.0/16")
    assert refused(lambda: other.update(name="private")).code == "uniqueness_error"


def test_what_does_not_exist_is_not_found(emulator: Emulator) -> None:
    client = emulator.client
    for kind in ("servers", "networks", "firewalls", "volumes", "primary_ips", "ssh_keys"):
        for method in ("GET", "DELETE"):
            error = refused(lambda: client.request(method, f"/{kind}/4711"))  # noqa: B023 - at once
            assert error.code == "not_found"
    assert refused(lambda: client.actions.get_by_id(4711)).code == "not_found"
    assert refused(lambda: client.request("GET", "/unheard")).code == "not_found"


def test_what_is_protected_is_not_deleted(emulator: Emulator) -> None:
    client = emulator.client
    made = server(client)
    network = client.networks.create(name="private", ip_range="10.0.0.0/16")
    address = given(client.primary_ips.create(type="ipv4", name="public", location=FSN).primary_ip)
    made.change_protection(delete=True, rebuild=True).wait_until_finished()
    network.change_protection(delete=True).wait_until_finished()
    address.change_protection(delete=True).wait_until_finished()

    assert refused(made.delete).code == "protected"
    assert refused(lambda: made.rebuild(Image(name="debian-13"))).code == "protected"
    assert refused(network.delete).code == "protected"
    assert refused(address.delete).code == "protected"

    error = refused(lambda: made.change_protection(delete=False))
    assert (error.code, fields(error)) == ("invalid_input", ["rebuild"])
    made.change_protection(delete=False, rebuild=False).wait_until_finished()
    made.delete().wait_until_finished()
    assert client.servers.get_all() == []


def test_another_token_is_unauthorized(emulator: Emulator) -> None:
    for token in ("x" * 64, TOKEN[:-1]):
        other = Client(token, api_endpoint=emulator.endpoint)
        assert refused(other.servers.get_all).code == "unauthorized"
    answer = httpx.get(f"{emulator.endpoint}/servers")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_requests_beyond_the_limit_are_told_when_to_come_again() -> None:
    running, stop = serve(MemoryMachines(), rate_limit=3)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answers = [httpx.get(f"{running.endpoint}/locations", headers=headers) for _ in range(4)]
    stop()

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    assert int(answers[-1].headers["RateLimit-Reset"]) > 1_700_000_000
    assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"


def test_a_running_server_is_not_changed_in_type_and_is_started_after_it(
    emulator: Emulator,
) -> None:
    client = emulator.client
    made = server(client)
    larger = ServerType(name="ccx43")
    error = refused(lambda: made.change_type(larger, upgrade_disk=True))
    assert error.code == "server_not_stopped"

    made.power_off().wait_until_finished()
    made.change_type(larger, upgrade_disk=True).wait_until_finished()

    changed = client.servers.get_by_id(made.id)
    assert given(changed.server_type).name == "ccx43"
    assert changed.status == "running"
    made.power_off().wait_until_finished()
    smaller = ServerType(name="ccx33")
    error = refused(lambda: made.change_type(smaller, upgrade_disk=True))
    assert error.code == "invalid_server_type"


def test_a_server_without_a_public_network_is_not_started_alone(emulator: Emulator) -> None:
    nowhere = ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=False)
    error = refused(lambda: server(emulator.client, public_net=nowhere))
    assert (error.code, fields(error)) == ("invalid_input", ["public_net"])
