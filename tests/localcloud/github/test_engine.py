"""The components, through the real engine and the stand-in, on the emulated GitHub."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_github as github
import pytest
from pulumi import automation as auto

from components.github.environment import Environment, EnvironmentArgs, Gate, Reviewers
from components.github.protection import BranchProtection, BranchProtectionArgs
from components.github.security import RepositorySecurity, RepositorySecurityArgs
from localcloud.providers.github import provider
from localcloud.providers.server import serve
from tests.localcloud.github.engine import Engine
from tests.localcloud.github.serving import OWNER, REPOSITORY, TOKEN, Served, serving

pytestmark = pytest.mark.local

ENVIRONMENT = EnvironmentArgs(
    repository=REPOSITORY,
    environment="staging",
    wait_minutes=5,
    secrets={"STAGING_KEY": "hidden-value"},
    variables={"STAGING_HOST": "198.51.100.10"},
)
PROTECTION = BranchProtectionArgs(repository=REPOSITORY, required_checks=("check",))

Program = Callable[[github.Provider], None]


def program(
    environment: EnvironmentArgs = ENVIRONMENT, protection: BranchProtectionArgs = PROTECTION
) -> Program:
    def run(vendor: github.Provider) -> None:
        options = pulumi.ResourceOptions(providers=[vendor])
        Environment("delivery", environment, options)
        BranchProtection("main", protection, options)
        RepositorySecurity("repository", RepositorySecurityArgs(repository=REPOSITORY), options)

    return run


@pytest.fixture
def engine(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Engine]:
    """An engine that is attached to the stand-in, which speaks to the served emulator."""
    variables = {
        "GITHUB_BASE_URL": f"{served.url}/",
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_OWNER": OWNER,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    running = serve(provider())
    try:
        attached = {"PULUMI_DEBUG_PROVIDERS": f"github:{running.port}"}
        yield Engine(tmp_path, {**variables, **attached}, program())
    finally:
        running.stop(1).wait()


def test_up_then_an_empty_preview_and_destroy_leaves_nothing(
    engine: Engine, served: Served
) -> None:
    assert set(engine.up()) == {"create"}
    repository = served.github().get_repo(f"{OWNER}/{REPOSITORY}")
    environment = repository.get_environment("staging")
    assert [s.name for s in environment.get_secrets()] == ["STAGING_KEY"]
    assert [v.value for v in environment.get_variables()] == ["198.51.100.10"]
    assert engine.preview() == {}
    assert engine.refresh() == {}
    assert engine.preview() == {}
    engine.destroy()
    assert list(repository.get_environments()) == []
    assert served.client().get(f"/repos/{OWNER}/{REPOSITORY}/rulesets").json() == []


def test_the_value_of_a_secret_is_nowhere_in_the_state_in_plain_text(engine: Engine) -> None:
    engine.up()
    states = [file.read_text() for file in (engine.folder / "state").rglob("*.json")]
    assert any("STAGING_KEY" in text for text in states)
    assert not any("hidden-value" in text for text in states)


def test_each_kind_of_resource_is_changed_in_place(engine: Engine, served: Served) -> None:
    engine.up()
    engine.program = program(
        replace(
            ENVIRONMENT,
            wait_minutes=10,
            secrets={"STAGING_KEY": "another"},
            variables={"STAGING_HOST": "198.51.100.11"},
            branches=("release/*",),
        ),
        replace(PROTECTION, approvals=2),
    )
    changes = engine.preview()
    assert changes["update"] == 4
    engine.up()
    assert engine.preview() == {}
    (ruleset,) = served.client().get(f"/repos/{OWNER}/{REPOSITORY}/rulesets").json()
    path = f"/repos/{OWNER}/{REPOSITORY}/rulesets/{ruleset['id']}"
    rules = {r["type"]: r.get("parameters") for r in served.client().get(path).json()["rules"]}
    assert rules["pull_request"]["required_approving_review_count"] == 2


def test_drift_is_found_by_a_refresh_and_put_right_by_an_up(engine: Engine, served: Served) -> None:
    engine.up()
    environment = served.github().get_repo(f"{OWNER}/{REPOSITORY}").get_environment("staging")
    environment.delete_variable("STAGING_HOST")
    environment.create_secret("STAGING_KEY", "by somebody else")
    engine.refresh()
    # As with the official plugin, a foreign write of a secret shows in its dates alone.
    assert engine.preview() == {"create": 1}
    secrets = engine.resources("github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret")
    assert any(
        s["outputs"]["remoteUpdatedAt"] > s["outputs"]["updatedAt"] for s in secrets.values()
    )
    engine.up()
    assert engine.preview() == {}
    assert [v.value for v in environment.get_variables()] == ["198.51.100.10"]


def test_what_exists_is_imported_without_a_change(engine: Engine, served: Served) -> None:
    environment = served.github().get_repo(f"{OWNER}/{REPOSITORY}").create_environment("old")
    environment.create_variable("OLD", "value")

    def adopting(vendor: github.Provider) -> None:
        github.ActionsEnvironmentVariable(
            "old",
            repository=REPOSITORY,
            environment="old",
            variable_name="OLD",
            value="value",
            opts=pulumi.ResourceOptions(provider=vendor, import_=f"{REPOSITORY}:old:OLD"),
        )

    engine.program = adopting
    assert engine.up() == {"import": 1, "create": 2}
    assert engine.preview() == {}


def test_a_pattern_that_may_deploy_already_is_taken_as_it_is(
    engine: Engine, served: Served
) -> None:
    engine.up()
    place = f"/repos/{OWNER}/{REPOSITORY}/environments/{ENVIRONMENT.environment}"
    policies = f"{place}/deployment-branch-policies"
    before = served.client().get(policies).json()
    assert before["branch_policies"]
    # As after a kill between the answer and the state: it is there, and nobody knows.
    state = engine.stack.export_stack()
    deployment: dict[str, Any] = dict(state.deployment or {})
    deployment["resources"] = [
        found for found in deployment["resources"] if "DeploymentPolicy" not in str(found["type"])
    ]
    engine.stack.import_stack(auto.Deployment(version=state.version, deployment=deployment))

    assert engine.up()["create"] == len(before["branch_policies"])

    assert served.client().get(policies).json() == before
    assert engine.preview() == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "times": 2},
        {"status": 429, "retry_after": 1, "times": 2},
        {"delay_seconds": 1.0, "times": 3},
        {"status": 502, "after": True, "times": 1, "method": "POST"},
    ],
)
def test_a_failing_github_is_outlasted_and_nothing_is_made_twice(
    engine: Engine, served: Served, fault: dict[str, object]
) -> None:
    served.fail(path_regex=".*", **fault)
    engine.up()
    assert engine.preview() == {}
    assert len(served.client().get(f"/repos/{OWNER}/{REPOSITORY}/rulesets").json()) == 1


def test_a_plan_without_reviewers_gets_the_gate_of_a_reviewed_branch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"plan": "pro", "private": True}) as pro:
        variables = {
            "GITHUB_BASE_URL": f"{pro.url}/",
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_OWNER": OWNER,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        running = serve(provider())
        try:
            args = replace(
                ENVIRONMENT, reviewers=Reviewers(users=(1,)), required_reviewers_available=False
            )
            assert args.gate is Gate.REVIEWED_BRANCH
            attached = {"PULUMI_DEBUG_PROVIDERS": f"github:{running.port}"}
            engine = Engine(tmp_path, {**variables, **attached}, program(args))
            engine.up()
            assert engine.preview() == {}
        finally:
            running.stop(1).wait()


def test_a_refusal_names_the_resource_and_githubs_words(engine: Engine) -> None:
    engine.program = program(replace(ENVIRONMENT, repository="nowhere"))
    with pytest.raises(auto.CommandError, match=r"delivery-environment[\s\S]*404"):
        engine.up()


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ({"secret_name": "GITHUB_X", "value": "x"}, "must not start with the GITHUB_ prefix"),
        ({"secret_name": "X", "value": "x", "plaintext_value": "y"}, "plaintextValue"),
        ({"secret_name": "X"}, "value"),
        ({"secret_name": "X", "value_encrypted": "%%%"}, "base64"),
    ],
)
def test_what_the_official_plugin_refuses_is_refused_in_the_preview(
    engine: Engine, secret: dict[str, Any], said: str
) -> None:
    def refused(vendor: github.Provider) -> None:
        opts = pulumi.ResourceOptions(provider=vendor)
        github.ActionsSecret("bad", repository=REPOSITORY, opts=opts, **secret)

    engine.program = refused
    with pytest.raises(auto.CommandError, match=said):
        engine.preview()
