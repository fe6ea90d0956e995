"""Recovering from an update that was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi import automation as auto

from ops import session
from ops.converge import pending, recover, settled
from ops.target import Target
from tests.localcloud.providers.engine import ENGINE

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


SECRET = "hunter2-is-in-no-file"


def program() -> None:
    """A component, and an output that is secret."""
    pulumi.ComponentResource("toy:index:Thing", "thing")
    pulumi.export("password", pulumi.Output.secret(SECRET))


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack in a folder."""
    monkeypatch.setenv("PATH", f"{ENGINE}:{os.environ['PATH']}")
    variables = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    return Target(
        stack="test",
        is_local=False,
        folder=tmp_path,
        variables=variables,
        engine=ENGINE / "pulumi",
        logs=tmp_path,
    )


def test_a_state_with_secrets_is_mended_without_anybody_reading_them(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = auto.create_stack(
        target.stack,
        "toy",
        program,
        opts=auto.LocalWorkspaceOptions(
            env_vars=dict(target.variables), project_settings=auto.ProjectSettings("toy", "python")
        ),
    )
    stack.up()
    file = target.folder / ".pulumi/stacks/toy/test.json"
    held = json.loads(file.read_text())
    urn = "urn:pulumi:test::toy::toy:index:Lost::lost"
    lost = {"urn": urn, "type": "toy:index:Lost", "custom": True}
    held["checkpoint"]["latest"]["pending_operations"] = [{"type": "creating", "resource": lost}]
    file.write_text(json.dumps(held))
    imported: list[auto.Deployment] = []
    real = stack.import_stack

    def importing(deployment: auto.Deployment) -> None:
        imported.append(deployment)
        real(deployment)

    monkeypatch.setattr(stack, "import_stack", importing)

    assert recover(stack, target) == ["creating of lost (toy:index:Lost): cleared"]

    assert SECRET not in json.dumps(imported[0].deployment)
    assert pending(cast("dict[str, Any]", session.encrypted(stack).deployment)) == []
    password = stack.outputs()["password"]
    assert (password.value, password.secret) == (SECRET, True)
    assert recover(stack, target) == []
