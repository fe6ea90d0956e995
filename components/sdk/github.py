"""What a repository of GitHub has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_github import (
        ActionsEnvironmentSecret,
        ActionsEnvironmentVariable,
        ActionsSecret,
        ActionsVariable,
        Provider,
        RepositoryDependabotSecurityUpdates,
        RepositoryEnvironment,
        RepositoryEnvironmentDeploymentBranchPolicyArgsDict,
        RepositoryEnvironmentDeploymentPolicy,
        RepositoryEnvironmentReviewerArgsDict,
        RepositoryRuleset,
        RepositoryRulesetRulesRequiredStatusChecksArgsDict,
        RepositoryVulnerabilityAlerts,
    )
else:
    import os

    from components.sdk.light import Provider as LightProvider
    from components.sdk.light import Resource

    class Provider(LightProvider):
        """Configuration of the plugin.

        Address and token are inputs, read from this process' environment: the plugin itself does
        not look for the address there.
        """

        token = "github"
        secret = ("token",)

        @classmethod
        def spelt(cls, given: dict[str, object]) -> dict[str, object]:
            """The inputs, with those that the environment has."""
            found = {
                "base_url": os.environ.get("GITHUB_BASE_URL") or "https://api.github.com/",
                "token": os.environ.get("GITHUB_TOKEN"),
            }
            return super().spelt(found | given)

    class ActionsEnvironmentSecret(Resource):
        """A secret of an environment."""

        token = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"
        secret = ("encrypted_value", "plaintext_value", "value", "value_encrypted")

    class ActionsEnvironmentVariable(Resource):
        """A variable of an environment."""

        token = "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable"

    class ActionsSecret(Resource):
        """A secret of the repository."""

        token = "github:index/actionsSecret:ActionsSecret"
        secret = ("encrypted_value", "plaintext_value", "value", "value_encrypted")

    class ActionsVariable(Resource):
        """A variable of the repository."""

        token = "github:index/actionsVariable:ActionsVariable"

    class RepositoryDependabotSecurityUpdates(Resource):
        """Pull requests that update what is vulnerable."""

        token = (
            "github:index/repositoryDependabotSecurityUpdates:RepositoryDependabotSecurityUpdates"
        )

    class RepositoryEnvironment(Resource):
        """A deployment environment."""

        token = "github:index/repositoryEnvironment:RepositoryEnvironment"

    class RepositoryEnvironmentDeploymentPolicy(Resource):
        """Which branches or tags deploy to an environment."""

        token = (
            "github:index/repositoryEnvironmentDeploymentPolicy:"
            "RepositoryEnvironmentDeploymentPolicy"
        )

    class RepositoryRuleset(Resource):
        """Rules of branches."""

        token = "github:index/repositoryRuleset:RepositoryRuleset"
        outputs = ("ruleset_id",)

    class RepositoryVulnerabilityAlerts(Resource):
        """Alerts of what is vulnerable."""

        token = "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts"


__all__ = [
    "ActionsEnvironmentSecret",
    "ActionsEnvironmentVariable",
    "ActionsSecret",
    "ActionsVariable",
    "Provider",
    "RepositoryDependabotSecurityUpdates",
    "RepositoryEnvironment",
    "RepositoryEnvironmentDeploymentPolicy",
    "RepositoryRuleset",
    "RepositoryVulnerabilityAlerts",
]
if TYPE_CHECKING:
    __all__ += [
        "RepositoryEnvironmentDeploymentBranchPolicyArgsDict",
        "RepositoryEnvironmentReviewerArgsDict",
        "RepositoryRulesetRulesRequiredStatusChecksArgsDict",
    ]
