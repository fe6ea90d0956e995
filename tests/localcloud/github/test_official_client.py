"""The vendor's official Python client works against the emulator, under both roots."""

from __future__ import annotations

import github
import pytest
from github import GithubException
from github.EnvironmentDeploymentBranchPolicy import EnvironmentDeploymentBranchPolicyParams
from github.EnvironmentProtectionRuleReviewer import ReviewerParams

from localcloud.emulators.github.values import reveal
from tests.localcloud.github.serving import OWNER, REPOSITORY, Served, serving

ROOTS = pytest.mark.parametrize("root", ["", "/api/v3"])


@ROOTS
def test_accounts_and_teams_are_found(served: Served, root: str) -> None:
    client = served.github(root)
    assert client.get_user().login == "octo-lead"
    assert client.get_user(OWNER).type == "Organization"
    organization = client.get_organization(OWNER)
    assert [team.slug for team in organization.get_teams()] == ["platform"]
    assert organization.get_team_by_slug("platform").id == 3001
    with pytest.raises(github.UnknownObjectException):
        client.get_user("nobody")


@ROOTS
def test_an_environment_lives_from_creation_to_deletion(served: Served, root: str) -> None:
    repository = served.github(root).get_repo(f"{OWNER}/{REPOSITORY}")
    lead = served.github(root).get_user("octo-ops")
    made = repository.create_environment(
        "production",
        wait_timer=10,
        reviewers=[ReviewerParams("User", lead.id), ReviewerParams("Team", 3001)],
        prevent_self_review=True,
        deployment_branch_policy=EnvironmentDeploymentBranchPolicyParams(
            protected_branches=False, custom_branch_policies=True
        ),
    )
    assert made.name == "production"
    rules = {rule.type: rule for rule in made.protection_rules}
    assert rules["wait_timer"].wait_timer == 10
    assert [r.type for r in rules["required_reviewers"].reviewers] == ["User", "Team"]
    assert made.deployment_branch_policy.custom_branch_policies is True
    assert [e.name for e in repository.get_environments()] == ["production"]
    repository.delete_environment("production")
    assert list(repository.get_environments()) == []


@ROOTS
def test_secrets_are_sealed_and_only_their_names_come_back(served: Served, root: str) -> None:
    repository = served.github(root).get_repo(f"{OWNER}/{REPOSITORY}")
    environment = repository.create_environment("staging")
    environment.create_secret("STAGING_HOST", "198.51.100.10")
    repository.create_secret("TURBO_TOKEN", "turbo")
    assert [s.name for s in environment.get_secrets()] == ["STAGING_HOST"]
    assert [s.name for s in repository.get_secrets()] == ["TURBO_TOKEN"]
    assert reveal(served.cloud, REPOSITORY, "STAGING_HOST", "staging") == "198.51.100.10"
    assert reveal(served.cloud, REPOSITORY, "TURBO_TOKEN") == "turbo"
    before = environment.get_secret("STAGING_HOST").updated_at
    environment.create_secret("STAGING_HOST", "198.51.100.11")
    assert environment.get_secret("STAGING_HOST").updated_at > before
    assert environment.delete_secret("STAGING_HOST")
    assert repository.delete_secret("TURBO_TOKEN")
    assert list(environment.get_secrets()) == []


@ROOTS
def test_variables_can_be_written_read_and_changed(served: Served, root: str) -> None:
    repository = served.github(root).get_repo(f"{OWNER}/{REPOSITORY}")
    environment = repository.create_environment("staging")
    for holder in (repository, environment):
        holder.create_variable("REGION", "fsn1")
        variable = holder.get_variable("REGION")
        assert variable.value == "fsn1"
        assert variable.edit("nbg1")
        assert holder.get_variable("REGION").value == "nbg1"
        with pytest.raises(GithubException) as caught:
            holder.create_variable("region", "hel1")
        assert caught.value.status == 409
        assert holder.delete_variable("REGION")
        assert list(holder.get_variables()) == []


@ROOTS
def test_dependabot_needs_alerts_before_updates(served: Served, root: str) -> None:
    repository = served.github(root).get_repo(f"{OWNER}/{REPOSITORY}")
    assert repository.get_vulnerability_alert() is False
    assert repository.enable_automated_security_fixes() is False
    assert repository.enable_vulnerability_alert()
    assert repository.enable_automated_security_fixes()
    assert repository.get_vulnerability_alert() is True
    assert repository.get_automated_security_fixes()["enabled"] is True
    assert repository.disable_vulnerability_alert()
    assert repository.get_automated_security_fixes()["enabled"] is False


@ROOTS
def test_the_client_follows_every_page(served: Served, root: str) -> None:
    repository = served.github(root, per_page=2).get_repo(f"{OWNER}/{REPOSITORY}")
    for index in range(5):
        repository.create_variable(f"V{index}", str(index))
    assert [v.value for v in repository.get_variables()] == ["0", "1", "2", "3", "4"]
    assert repository.get_variables().totalCount == 5


@ROOTS
def test_the_rate_limit_can_be_read_without_being_used(served: Served, root: str) -> None:
    client = served.github(root)
    client.get_user().login  # noqa: B018 - the request is what counts
    first = client.get_rate_limit().rate
    second = client.get_rate_limit().rate
    assert first.limit == 5000
    assert first.remaining == second.remaining == 4999


def test_a_wrong_token_is_bad_credentials(served: Served) -> None:
    client = github.Github(base_url=served.url, auth=github.Auth.Token("wrong"), retry=None)
    with pytest.raises(github.BadCredentialsException, match="Bad credentials"):
        client.get_user(OWNER)


def test_the_client_understands_the_primary_limit() -> None:
    with serving(rate_limit=2) as served:
        client = served.github()
        client.get_user(OWNER)
        client.get_user(OWNER)
        with pytest.raises(github.RateLimitExceededException):
            client.get_user(OWNER)


def test_the_client_retries_the_secondary_limit(served: Served) -> None:
    served.fail(path_regex="/users/", status=403, retry_after=0)
    client = served.github(retry=github.GithubRetry(total=2))
    assert client.get_user(OWNER).login == OWNER
    statuses = [r["status"] for r in served.faults.requests if r["path"].startswith("/users/")]
    assert statuses == [403, 200]


def test_a_server_error_reaches_the_client(served: Served) -> None:
    served.fail(path_regex="/users/", status=500)
    with pytest.raises(GithubException) as caught:
        served.github().get_user(OWNER)
    assert caught.value.status == 500
