"""Repository-wide secrets and variables."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.github import RepositorySecrets, RepositorySecretsArgs, prefixed
from tests.support.mocks import Recorder, recording

SECRET = "github:index/actionsSecret:ActionsSecret"
VARIABLE = "github:index/actionsVariable:ActionsVariable"


def register(**args: Any) -> tuple[Recorder, dict[str, Any]]:
    """Register the values; the recorder and the component's outputs."""
    with recording() as (recorder, run):

        def program() -> pulumi.Output[dict[str, Any]]:
            component = RepositorySecrets(
                "repository", RepositorySecretsArgs(repository="monorepo", **args)
            )
            return pulumi.Output.all(
                secrets=component.secret_names, variables=component.variable_names
            )

        return recorder, run(program)


def test_the_type_token_is_pinned() -> None:
    assert RepositorySecrets.token == "manacore:github:RepositorySecrets"


def test_every_value_becomes_one_secret_or_variable() -> None:
    recorder, outputs = register(
        secrets={"TURBO_TOKEN": "t", "CODECOV_TOKEN": "c"}, variables={"TURBO_TEAM": "mana"}
    )
    token = recorder.one(SECRET, "repository-secret-turbo-token").inputs
    assert token["secretName"] == "TURBO_TOKEN"
    assert token["repository"] == "monorepo"
    assert token["value"] != "t", "the value must cross as a secret"
    variable = recorder.one(VARIABLE, "repository-variable-turbo-team").inputs
    assert variable["value"] == "mana"
    assert outputs == {"secrets": ["CODECOV_TOKEN", "TURBO_TOKEN"], "variables": ["TURBO_TEAM"]}


def test_no_value_no_resource() -> None:
    recorder, outputs = register()
    assert recorder.of(SECRET) == recorder.of(VARIABLE) == []
    assert outputs == {"secrets": [], "variables": []}


def test_prefixed_names_are_the_teams_names() -> None:
    assert prefixed("STAGING", {"HOST": "a", "USER": "b"}) == {
        "STAGING_HOST": "a",
        "STAGING_USER": "b",
    }


def test_a_bad_name_is_refused_with_its_path() -> None:
    with pytest.raises(ValueError, match=r"repository\.secrets\.GITHUB_PAT: the prefix"):
        register(secrets={"GITHUB_PAT": "x"})
