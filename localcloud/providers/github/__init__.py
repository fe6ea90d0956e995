"""The stand-in of the github provider, on the vendor's official client PyGithub.

Declared after pulumi-github 6.15 (its schema) and the Terraform provider below it. What it does
not follow: a renamed repository is replaced rather than followed, and there is no pause of a
second between writes, which the official plugin makes by default (`writeDelayMs`).
"""

from __future__ import annotations

from localcloud.providers.framework import Boolean, Integer, ListOf, Property, Provider
from localcloud.providers.github.client import Client
from localcloud.providers.github.environments import (
    RepositoryEnvironment,
    RepositoryEnvironmentDeploymentPolicy,
)
from localcloud.providers.github.rulesets import RepositoryRuleset
from localcloud.providers.github.security import (
    RepositoryDependabotSecurityUpdates,
    RepositoryVulnerabilityAlerts,
)
from localcloud.providers.github.values import (
    ActionsEnvironmentSecret,
    ActionsEnvironmentVariable,
    ActionsSecret,
    ActionsVariable,
)


def provider() -> Provider[Client]:
    """The stand-in."""
    return Provider(
        name="github",
        package="pulumi-github",
        configure=Client,
        config=(
            Property("token", secret=True, env=("GITHUB_TOKEN",)),
            Property("owner", env=("GITHUB_OWNER",)),
            Property("organization", env=("GITHUB_ORGANIZATION",)),
            Property("baseUrl", env=("GITHUB_BASE_URL",), default="https://api.github.com/"),
            Property("maxRetries", Integer, default=3),
            Property("retryDelayMs", Integer, default=1000),
            *(Property(name, Integer) for name in ("readDelayMs", "writeDelayMs", "maxPerPage")),
            *(Property(name, Boolean) for name in ("insecure", "parallelRequests", "legacyClient")),
            Property("retryableErrors", ListOf("integer")),
            Property("cachePath"),
        ),
        resources=(
            RepositoryEnvironment(),
            RepositoryEnvironmentDeploymentPolicy(),
            ActionsEnvironmentSecret(),
            ActionsEnvironmentVariable(),
            ActionsSecret(),
            ActionsVariable(),
            RepositoryRuleset(),
            RepositoryVulnerabilityAlerts(),
            RepositoryDependabotSecurityUpdates(),
        ),
        refused={
            "github:index/repository:Repository": "the repository exists and is not managed here",
        },
    )
