"""Deployment environments and the branches that may deploy to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.providers.framework import (
    Boolean,
    Context,
    Integer,
    ListOf,
    Object,
    Property,
    ProviderError,
    Resource,
    SetOf,
    Values,
)
from localcloud.providers.github.client import Client, build_id, parse_id, segment


class RepositoryEnvironment(Resource[Client]):
    """An environment; import id `<repository>:<environment>`."""

    token = "github:index/repositoryEnvironment:RepositoryEnvironment"  # noqa: S105
    delete_before_replace = True
    properties = (
        Property("repository", required=True, force_new=True),
        Property("environment", required=True, force_new=True),
        Property("canAdminsBypass", Boolean, default=True),
        Property("preventSelfReview", Boolean, default=False),
        Property("waitTimer", Integer),
        Property(
            "reviewers",
            ListOf(
                Object(Property("users", SetOf(Integer)), Property("teams", SetOf(Integer))),
            ),
        ),
        Property(
            "deploymentBranchPolicy",
            Object(
                Property("protectedBranches", Boolean, required=True),
                Property("customBranchPolicies", Boolean, required=True),
            ),
        ),
        Property("repositoryId", Integer, output=True),
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Make it; an environment of that name is taken over, as GitHub's PUT does."""
        self._put(ctx, inputs)
        identity = build_id(inputs["repository"], inputs["environment"])
        return identity, {"repositoryId": ctx.client.repository_id(inputs["repository"])}

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:  # noqa: ARG002
        """As it is."""
        repository, environment = parse_id(resource_id, "<repository>:<environment>")
        found = ctx.client.get(_address(ctx, repository, environment))
        rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
        policy = found.get("deployment_branch_policy")
        reviewers = rules.get("required_reviewers")
        return {
            "repository": repository,
            "environment": environment,
            "canAdminsBypass": found.get("can_admins_bypass", True),
            "waitTimer": rules.get("wait_timer", {}).get("wait_timer"),
            "preventSelfReview": (reviewers or {}).get("prevent_self_review", False),
            "reviewers": [_reviewers(reviewers)] if reviewers else None,
            "deploymentBranchPolicy": policy
            and {
                "protectedBranches": policy["protected_branches"],
                "customBranchPolicies": policy["custom_branch_policies"],
            },
            "repositoryId": ctx.client.repository_id(repository),
        }

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Overwrite it."""
        self._put(ctx, new)
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Remove it with its secrets and variables."""
        _, environment = parse_id(resource_id, "<repository>:<environment>")
        ctx.client.delete(_address(ctx, state["repository"], environment))

    def _put(self, ctx: Context[Client], inputs: Values) -> None:
        given: list[dict[str, list[int]]] = inputs.get("reviewers") or []
        policy: Values | None = inputs.get("deploymentBranchPolicy")
        reviewers = [
            {"type": kind, "id": number}
            for entry in given
            for kind, key in (("Team", "teams"), ("User", "users"))
            for number in entry.get(key, [])
        ]
        # What the program does not ask for is left out: where a plan lacks required reviewers,
        # GitHub refuses the mere presence of their fields.
        body = {
            **({"wait_timer": inputs["waitTimer"]} if inputs.get("waitTimer") else {}),
            **({"prevent_self_review": True} if inputs["preventSelfReview"] else {}),
            **({"reviewers": reviewers} if reviewers else {}),
            "can_admins_bypass": inputs["canAdminsBypass"],
            "deployment_branch_policy": policy
            and {
                "protected_branches": policy["protectedBranches"],
                "custom_branch_policies": policy["customBranchPolicies"],
            },
        }
        ctx.client.put(_address(ctx, inputs["repository"], inputs["environment"]), body)


def _reviewers(rule: Mapping[str, Any]) -> Values:
    found: dict[str, list[int]] = {"users": [], "teams": []}
    for entry in rule["reviewers"]:
        found["teams" if entry["type"] == "Team" else "users"].append(entry["reviewer"]["id"])
    return {key: numbers for key, numbers in found.items() if numbers}


def _address(ctx: Context[Client], repository: str, environment: str) -> str:
    return f"{ctx.client.repository(repository)}/environments/{segment(environment)}"


class RepositoryEnvironmentDeploymentPolicy(Resource[Client]):
    """A pattern that may deploy; import id `<repository>:<environment>:<policy id>`."""

    token = (
        "github:index/repositoryEnvironmentDeploymentPolicy:"  # noqa: S105
        "RepositoryEnvironmentDeploymentPolicy"
    )
    properties = (
        Property("repository", required=True, force_new=True),
        Property("environment", required=True, force_new=True),
        Property("branchPattern", exactly_one_of=("branchPattern", "tagPattern")),
        Property("tagPattern", exactly_one_of=("branchPattern", "tagPattern")),
        Property("policyId", Integer, output=True),
        Property("repositoryId", Integer, output=True),
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Allow the pattern."""
        kind = "branch" if "branchPattern" in inputs else "tag"
        pattern = inputs[f"{kind}Pattern"]
        path = self._policies(ctx, inputs)

        def existing() -> dict[str, Any] | None:
            found = ctx.client.get(path)["branch_policies"]
            same = [p for p in found if p["name"] == pattern and p.get("type", "branch") == kind]
            return same[0] if same else None

        made = ctx.client.post(path, {"name": pattern, "type": kind}, existing)
        # Of one that is there already GitHub answers only where (303): the official plugin goes on
        # to there, this client does not.
        made = made or existing() or {}
        identity = build_id(inputs["repository"], inputs["environment"], str(made["id"]))
        return identity, {
            "policyId": made["id"],
            "repositoryId": ctx.client.repository_id(inputs["repository"]),
        }

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:  # noqa: ARG002
        """As it is."""
        repository, environment, number = parse_id(
            resource_id, "<repository>:<environment>:<policy id>"
        )
        values: Values = {"repository": repository, "environment": environment}
        found = ctx.client.get(f"{self._policies(ctx, values)}/{number}")
        kind = found.get("type", "branch")
        return {
            **values,
            "branchPattern": found["name"] if kind == "branch" else None,
            "tagPattern": found["name"] if kind == "tag" else None,
            "policyId": found["id"],
            "repositoryId": ctx.client.repository_id(repository),
        }

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Change the pattern; a policy cannot become one of the other kind."""
        kind = "branch" if "branchPattern" in new else "tag"
        if f"{kind}Pattern" not in old:
            raise ProviderError("a policy of branches cannot become one of tags, nor the reverse")
        number = resource_id.rpartition(":")[2]
        ctx.client.put(f"{self._policies(ctx, new)}/{number}", {"name": new[f"{kind}Pattern"]})
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Take the pattern away."""
        ctx.client.delete(f"{self._policies(ctx, state)}/{resource_id.rpartition(':')[2]}")

    @staticmethod
    def _policies(ctx: Context[Client], values: Values) -> str:
        environment = _address(ctx, values["repository"], values["environment"])
        return f"{environment}/deployment-branch-policies"
