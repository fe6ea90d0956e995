"""The environment component: gates, fallback, secrets and variables."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.github import Environment, EnvironmentArgs, Gate, Reviewers
from components.github.names import name_errors
from tests.support.mocks import Recorder, recording

ENVIRONMENT = "github:index/repositoryEnvironment:RepositoryEnvironment"
POLICY = "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
SECRET = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"
VARIABLE = "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable"
RULESET = "github:index/repositoryRuleset:RepositoryRuleset"


def register(**args: Any) -> tuple[Recorder, dict[str, Any]]:
    """Register one environment; the recorder and the component's outputs."""
    with recording() as (recorder, run):

        def program() -> pulumi.Output[dict[str, Any]]:
            given_args: dict[str, Any] = {"repository": "monorepo", "environment": "production"}
            component = Environment("production", EnvironmentArgs(**{**given_args, **args}))
            outputs = {name: getattr(component, name) for name in component.output_names()}
            return pulumi.Output.all(**outputs)

        return recorder, run(program)


def test_the_type_token_is_pinned() -> None:
    assert Environment.token == "manacore:github:Environment"


def test_the_outputs_are_the_annotated_ones() -> None:
    assert Environment.output_names() == ("environment", "gate", "deploys_from")


def test_reviewers_approve_where_the_plan_has_them() -> None:
    recorder, outputs = register(
        reviewers=Reviewers(users=(1, 2), teams=(7,)), wait_minutes=5, admins_bypass=False
    )
    inputs = recorder.one(ENVIRONMENT, "production-environment").inputs
    assert inputs["reviewers"] == [{"users": [1, 2], "teams": [7]}]
    assert inputs["preventSelfReview"] is True
    assert inputs["waitTimer"] == 5
    assert inputs["canAdminsBypass"] is False
    assert outputs["gate"] == Gate.REVIEWERS
    assert recorder.of(RULESET) == []


def test_only_named_branches_and_tags_deploy() -> None:
    recorder, outputs = register(branches=("main", "release/*"), tags=("v*",))
    inputs = recorder.one(ENVIRONMENT).inputs
    assert inputs["deploymentBranchPolicy"] == {
        "protectedBranches": False,
        "customBranchPolicies": True,
    }
    policies = {r.name: r.inputs for r in recorder.of(POLICY)}
    assert policies["production-branch-main"]["branchPattern"] == "main"
    assert policies["production-branch-release-any"]["branchPattern"] == "release/*"
    assert policies["production-tag-vany"]["tagPattern"] == "v*"
    assert all(p["environment"] == "production" for p in policies.values())
    assert outputs["deploys_from"] == ["main", "release/*", "v*"]
    assert outputs["gate"] == Gate.BRANCHES


def test_any_branch_deploys_when_none_is_named() -> None:
    recorder, outputs = register(branches=())
    assert "deploymentBranchPolicy" not in recorder.one(ENVIRONMENT).inputs
    assert recorder.of(POLICY) == []
    assert outputs["gate"] == Gate.OPEN


def test_a_wait_timer_is_the_gate_when_nobody_has_to_approve() -> None:
    recorder, outputs = register(wait_minutes=10)
    inputs = recorder.one(ENVIRONMENT).inputs
    assert inputs["waitTimer"] == 10
    # GitHub refuses it without a reviewer.
    assert inputs["preventSelfReview"] is False
    assert outputs["gate"] == Gate.WAIT_TIMER


def test_without_required_reviewers_a_reviewed_branch_is_the_gate() -> None:
    recorder, outputs = register(
        reviewers=Reviewers(users=(1,)), required_reviewers_available=False, wait_minutes=5
    )
    inputs = recorder.one(ENVIRONMENT).inputs
    assert "reviewers" not in inputs
    assert "waitTimer" not in inputs
    assert inputs["preventSelfReview"] is False
    # GitHub takes neither on such a plan, and would report another value for ever.
    assert inputs["canAdminsBypass"] is True
    assert [p.inputs["branchPattern"] for p in recorder.of(POLICY)] == ["release/production"]
    ruleset = recorder.one(RULESET, "production-gate").inputs
    assert ruleset["enforcement"] == "active"
    assert ruleset["conditions"]["refName"]["includes"] == ["refs/heads/release/production"]
    rules = ruleset["rules"]
    assert rules["deletion"] is True
    assert rules["nonFastForward"] is True
    assert rules["pullRequest"]["requiredApprovingReviewCount"] == 1
    assert rules["pullRequest"]["requireLastPushApproval"] is True
    assert outputs["gate"] == Gate.REVIEWED_BRANCH
    assert outputs["deploys_from"] == ["release/production"]


def test_the_fallback_branch_can_be_named() -> None:
    _, outputs = register(
        reviewers=Reviewers(teams=(1,)),
        required_reviewers_available=False,
        release_branch="live",
    )
    assert outputs["deploys_from"] == ["live"]


def test_a_plan_without_reviewers_changes_nothing_where_none_are_asked_for() -> None:
    recorder, outputs = register(required_reviewers_available=False)
    assert recorder.of(RULESET) == []
    assert outputs["gate"] == Gate.BRANCHES
    assert outputs["deploys_from"] == ["main"]


def test_values_become_secrets_and_variables_of_the_environment() -> None:
    recorder, _ = register(
        secrets={"PRODUCTION_SSH_KEY": "private", "PRODUCTION_HOST": "198.51.100.10"},
        variables={"PRODUCTION_URL": "https://example.com"},
    )
    secret = recorder.one(SECRET, "production-secret-production-ssh-key").inputs
    assert secret["secretName"] == "PRODUCTION_SSH_KEY"
    assert secret["environment"] == "production"
    assert secret["repository"] == "monorepo"
    assert "plaintextValue" not in secret
    assert recorder.one(SECRET, "production-secret-production-host")
    variable = recorder.one(VARIABLE, "production-variable-production-url").inputs
    assert variable["value"] == "https://example.com"
    assert variable["variableName"] == "PRODUCTION_URL"


def test_secret_values_are_secret_even_when_they_arrive_plain() -> None:
    recorder, _ = register(secrets={"TOKEN": "plain"}, variables={"NAME": "open"})
    assert is_secret(recorder.one(SECRET).inputs["value"], "plain")
    assert recorder.one(VARIABLE).inputs["value"] == "open"


def is_secret(value: Any, plain: str) -> bool:
    """Whether an input crossed to the engine as a secret."""
    return value != plain and plain in str(value)


def test_all_faults_are_told_at_once_with_their_paths() -> None:
    with pytest.raises(ValueError, match="production") as caught:
        register(
            environment=" ",
            reviewers=Reviewers(users=tuple(range(7))),
            wait_minutes=-1,
            secrets={"GITHUB_TOKEN": "x", "1ST": "x"},
            variables={"a": "1", "A": "2"},
        )
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "production.secrets.GITHUB_TOKEN",
        "production.secrets.1ST",
        "production.variables.A",
        "production.environment",
        "production.reviewers",
        "production.wait_minutes",
    ]


def test_more_than_a_hundred_secrets_are_refused() -> None:
    assert name_errors([f"N{i}" for i in range(101)], "secrets") == [
        "secrets: 101 entries, GitHub holds 100"
    ]


@given(st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,30}\Z").filter(lambda n: not n.startswith("GITHUB_")))
def test_every_name_that_github_allows_is_allowed(name: str) -> None:
    assert name_errors([name], "secrets") == []


@pytest.mark.parametrize(
    ("args", "gate"),
    [
        ({"reviewers": Reviewers(users=(1,))}, Gate.REVIEWERS),
        ({"reviewers": Reviewers(users=(1,)), "branches": ()}, Gate.REVIEWERS),
        ({"wait_minutes": 1}, Gate.WAIT_TIMER),
        ({"wait_minutes": 1, "required_reviewers_available": False}, Gate.BRANCHES),
        ({"branches": (), "tags": ("v*",)}, Gate.BRANCHES),
        ({"branches": ()}, Gate.OPEN),
    ],
)
def test_the_gate_output_is_the_strongest_gate_in_force(args: dict[str, Any], gate: Gate) -> None:
    assert EnvironmentArgs(repository="r", environment="e", **args).gate is gate
