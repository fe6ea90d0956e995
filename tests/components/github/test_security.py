"""Dependabot and secret scanning."""

from __future__ import annotations

import json
from typing import Any

import pulumi

from components.github import RepositorySecurity, RepositorySecurityArgs
from tests.support.mocks import Recorder, recording

ALERTS = "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts"
UPDATES = "github:index/repositoryDependabotSecurityUpdates:RepositoryDependabotSecurityUpdates"
COMMAND = "command:local:Command"


def register(**args: Any) -> tuple[Recorder, dict[str, Any]]:
    """Register the settings; the recorder and the component's outputs."""
    with recording() as (recorder, run):

        def program() -> pulumi.Output[dict[str, Any]]:
            component = RepositorySecurity(
                "security", RepositorySecurityArgs(repository="monorepo", **args)
            )
            return pulumi.Output.all(
                dependabot=component.dependabot, scanning=component.secret_scanning
            )

        return recorder, run(program)


def test_the_type_token_is_pinned() -> None:
    assert RepositorySecurity.token == "manacore:github:RepositorySecurity"


def test_dependabot_watches_by_default() -> None:
    recorder, outputs = register()
    assert recorder.one(ALERTS).inputs == {"repository": "monorepo", "enabled": True}
    assert recorder.one(UPDATES).inputs == {"repository": "monorepo", "enabled": True}
    assert recorder.of(COMMAND) == []
    assert outputs == {"dependabot": True, "scanning": False}


def test_dependabot_can_be_switched_off() -> None:
    recorder, outputs = register(dependabot=False)
    assert recorder.one(ALERTS).inputs["enabled"] is False
    assert recorder.one(UPDATES).inputs["enabled"] is False
    assert outputs["dependabot"] is False


def test_secret_scanning_is_switched_on_where_the_plan_has_it() -> None:
    recorder, outputs = register(secret_scanning_available=True)
    inputs = recorder.one(COMMAND, "security-secret-scanning").inputs
    settings = json.loads(inputs["environment"]["SETTINGS"])["security_and_analysis"]
    assert settings == {
        "secret_scanning": {"status": "enabled"},
        "secret_scanning_push_protection": {"status": "enabled"},
    }
    assert inputs["environment"]["REPOSITORY"] == "monorepo"
    assert outputs["scanning"] is True


def test_the_repository_itself_is_never_managed() -> None:
    recorder, _ = register(secret_scanning_available=True)
    assert not [r for r in recorder.resources if r.token.endswith(":Repository")]


def test_the_token_is_in_no_input() -> None:
    recorder, _ = register(secret_scanning_available=True)
    inputs = recorder.one(COMMAND).inputs
    assert "GITHUB_TOKEN" not in inputs["environment"]
    assert '"$GITHUB_TOKEN"' in inputs["create"]
