"""RepositoryEnvironment and RepositoryEnvironmentDeploymentPolicy."""

# ruff: noqa: ARG002 - the arguments of the methods are the framework's, used or not

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from localcloud.providers.framework import (
    Boolean,
    Change,
    Context,
    Integer,
    ListOf,
    Object,
    Property,
    Resource,
    SetOf,
    Values,
)
from localcloud.providers.github.client import (
    Client,
    Json,
    Refused,
    build_id,
    parse_id,
    segment,
)

REPOSITORY = Property("repository", required=True, force_new=True)
"""As upstream, but for one case: a renamed repository is taken for another one."""
REPOSITORY_ID = Property("repositoryId", Integer, output=True)
_BOTH_PATTERNS = ("branchPattern", "tagPattern")


def environment_path(client: Client, repository: str, environment: str) -> str:
    """The path of an environment."""
    return f"{client.repository(repository)}/environments/{segment(environment)}"


def _at_most_six(value: Sequence[Any]) -> str | None:
    return None if len(value) <= 6 else f"{len(value)} given, at most 6 are allowed"


def _at_most_one(value: Sequence[Any]) -> str | None:
    return None if len(value) <= 1 else "one block at most"


def _wait(value: int) -> str | None:
    return None if 0 <= value <= 43_200 else "expected to be in the range (0 - 43200)"


def not_empty(value: str) -> str | None:
    """Why an empty text is refused."""
    return None if value else "must not be empty"


class RepositoryEnvironment(Resource[Client]):
    """A deployment environment."""

    token = "github:index/repositoryEnvironment:RepositoryEnvironment"  # noqa: S105 - a type
    properties = (
        REPOSITORY,
        Property("environment", required=True, force_new=True),
        Property("canAdminsBypass", Boolean, default=True),
        Property("preventSelfReview", Boolean, default=False),
        Property("waitTimer", Integer, validate=_wait),
        Property(
            "reviewers",
            ListOf(
                Object(
                    Property("teams", SetOf(Integer), validate=_at_most_six),
                    Property("users", SetOf(Integer), validate=_at_most_six),
                )
            ),
            validate=_at_most_one,
        ),
        Property(
            "deploymentBranchPolicy",
            Object(
                Property("protectedBranches", Boolean, required=True),
                Property("customBranchPolicies", Boolean, required=True),
            ),
        ),
        REPOSITORY_ID,
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Create, or take over what is there: GitHub knows one call for both."""
        self._put(ctx.client, inputs)
        repository = inputs["repository"]
        outputs = {"repositoryId": ctx.client.repository_id(repository)}
        return build_id(repository, inputs["environment"].replace(":", "??")), outputs

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """As the environment is; reviewers that are gone do not show, as upstream."""
        client = ctx.client
        repository, environment = (
            (state["repository"], state["environment"])
            if state
            else parse_id(resource_id, "<repository>:<environment>")
        )
        found = client.get(environment_path(client, repository, environment))
        policy = found.get("deployment_branch_policy")
        outputs: Values = {
            "repository": repository,
            "environment": environment,
            "repositoryId": client.repository_id(repository),
            "canAdminsBypass": found["can_admins_bypass"],
            "waitTimer": None,
            "deploymentBranchPolicy": policy
            and {
                "protectedBranches": policy["protected_branches"],
                "customBranchPolicies": policy["custom_branch_policies"],
            },
        }
        for rule in found["protection_rules"]:
            if rule["type"] == "wait_timer":
                outputs["waitTimer"] = rule["wait_timer"]
            elif rule["type"] == "required_reviewers":
                outputs["preventSelfReview"] = rule["prevent_self_review"]
                outputs["reviewers"] = [_reviewers(rule["reviewers"])]
        return outputs

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Write all settings again."""
        self._put(ctx.client, new)
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Delete the environment and all it holds."""
        client = ctx.client
        client.delete(environment_path(client, state["repository"], state["environment"]))

    @staticmethod
    def _put(client: Client, inputs: Values) -> None:
        path = environment_path(client, inputs["repository"], inputs["environment"])
        blocks: list[Values] = inputs.get("reviewers") or [{}]
        reviewers: list[Json] = [
            {"type": kind, "id": number}
            for kind, key in (("Team", "teams"), ("User", "users"))
            for number in blocks[0].get(key, [])
        ]
        given = inputs.get("deploymentBranchPolicy")
        policy = given and {
            "protected_branches": given["protectedBranches"],
            "custom_branch_policies": given["customBranchPolicies"],
        }
        body: Json = {
            "wait_timer": inputs.get("waitTimer", 0),
            "reviewers": reviewers or None,
            "can_admins_bypass": inputs["canAdminsBypass"],
            "prevent_self_review": inputs["preventSelfReview"],
            "deployment_branch_policy": policy,
        }
        try:
            client.put(path, body)
        except Refused as refusal:
            # Plans without these rules refuse their mere presence: upstream tries without.
            if refusal.status != 422 or reviewers or body["wait_timer"]:
                raise
            client.put(path, {"deployment_branch_policy": policy})


def _reviewers(entries: Sequence[Json]) -> Values:
    ids: dict[str, list[int]] = {"teams": [], "users": []}
    for entry in entries:
        ids["teams" if entry["type"] == "Team" else "users"].append(entry["reviewer"]["id"])
    return dict(ids)


class RepositoryEnvironmentDeploymentPolicy(Resource[Client]):
    """One name pattern of branches or tags that may deploy."""

    token = (
        "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"  # noqa: S105
    )
    properties = (
        REPOSITORY,
        Property("environment", required=True, force_new=True),
        Property("branchPattern", exactly_one_of=_BOTH_PATTERNS, validate=not_empty),
        Property("tagPattern", exactly_one_of=_BOTH_PATTERNS, validate=not_empty),
        REPOSITORY_ID,
        Property("policyId", Integer, output=True),
    )

    def customise_diff(
        self, old: Values, new: Values, changes: Sequence[Change]
    ) -> Sequence[Change]:
        """A branch pattern that becomes a tag pattern, or back, needs a new policy."""
        if not {*_BOTH_PATTERNS} <= {change.property for change in changes}:
            return changes
        return [
            replace(change, replace=True) if change.property in _BOTH_PATTERNS else change
            for change in changes
        ]

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Create the policy."""
        client = ctx.client
        repository, environment = inputs["repository"], inputs["environment"]
        kind = "branch" if inputs.get("branchPattern") else "tag"
        wanted = {"name": inputs[f"{kind}Pattern"], "type": kind}
        path = self._path(client, repository, environment)

        def existing() -> Json | None:
            found: list[Json] = client.get(f"{path}?per_page=100")["branch_policies"]
            return next((p for p in found if wanted.items() <= p.items()), None)

        made = client.post(path, wanted, existing)
        number = made["id"]
        resource_id = build_id(repository, environment.replace(":", "??"), str(number))
        outputs = {"policyId": number, "repositoryId": client.repository_id(repository)}
        return resource_id, outputs

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """As the policy is."""
        client = ctx.client
        form = "<repository>:<environment>:<policy_id>"
        repository, environment, number = (
            (state["repository"], state["environment"], state["policyId"])
            if state
            else parse_id(resource_id, form)
        )
        found = client.get(f"{self._path(client, repository, environment)}/{number}")
        return {
            "repository": repository,
            "environment": environment,
            "policyId": int(number),
            "repositoryId": client.repository_id(repository),
            f"{found['type']}Pattern": found["name"],
        }

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Change the pattern."""
        path = self._path(ctx.client, new["repository"], new["environment"])
        pattern = new.get("branchPattern") or new.get("tagPattern")
        ctx.client.put(f"{path}/{old['policyId']}", {"name": pattern})
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Delete the policy; it may have gone with its environment."""
        path = self._path(ctx.client, state["repository"], state["environment"])
        ctx.client.delete(f"{path}/{state['policyId']}")

    @staticmethod
    def _path(client: Client, repository: str, environment: str) -> str:
        return f"{environment_path(client, repository, environment)}/deployment-branch-policies"
