"""Recovering from an update that was killed."""

from __future__ import annotations

from typing import Any

from ops.converge import pending, settled

SERVER = "urn:pulumi:staging::manacore::hcloud:index/server:Server::main"
IP = "urn:pulumi:staging::manacore::hcloud:index/primaryIp:PrimaryIp::main-ip"


def state(*operations: tuple[str, str]) -> dict[str, Any]:
    return {
        "resources": [{"urn": IP, "type": "hcloud:index/primaryIp:PrimaryIp", "id": "7"}],
        "pending_operations": [
            {
                "type": operation,
                "resource": {
                    "urn": urn,
                    "type": urn.split("::")[2],
                    "custom": True,
                    "inputs": {"name": "main", "labels": {"stack": "staging"}},
                },
            }
            for operation, urn in operations
        ],
    }


def test_pending_operations_are_read_from_the_state() -> None:
    found = pending(state(("creating", SERVER)))
    assert [(p.urn, p.kind, p.operation) for p in found] == [
        (SERVER, "hcloud:index/server:Server", "creating")
    ]
    assert found[0].inputs["name"] == "main"


def test_what_the_vendor_has_is_adopted_with_its_id() -> None:
    result = settled(state(("creating", SERVER)), {SERVER: "42"})
    assert "pending_operations" not in result
    adopted = next(r for r in result["resources"] if r["urn"] == SERVER)
    assert adopted["id"] == "42"
    assert adopted["outputs"]["name"] == "main"


def test_what_the_vendor_does_not_have_is_forgotten() -> None:
    result = settled(state(("creating", SERVER)), {})
    assert [r["urn"] for r in result["resources"]] == [IP]


def test_a_pending_update_leaves_the_resource_as_it_was() -> None:
    before = state(("updating", IP))
    result = settled(before, {})
    assert result["resources"] == before["resources"]
    assert settled(before, {IP: "7"})["resources"] == before["resources"], "and is never doubled"
