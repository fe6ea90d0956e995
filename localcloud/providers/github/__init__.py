"""The stand-in of the GitHub provider, on the vendor's official Python client.

Properties, replacements, import ids and refusals are those of the official plugin v6. A create
whose answer was lost is found again when it is repeated.
"""

from __future__ import annotations

from localcloud.providers.framework import Boolean, Integer, Property, Provider
from localcloud.providers.github.client import Client
from localcloud.providers.github.environment import (
    RepositoryEnvironment,
    RepositoryEnvironmentDeploymentPolicy,
)
from localcloud.providers.github.ruleset import RepositoryRuleset
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
    """The stand-in, as the server wants it."""
    return Provider(
        name="github",
        package="pulumi-github",
        config=(
            Property("token", secret=True, env=("GITHUB_TOKEN",)),
            Property("owner", env=("GITHUB_OWNER",)),
            Property("organization", env=("GITHUB_ORGANIZATION",)),
            Property("baseUrl", env=("GITHUB_BASE_URL",), default="https://api.github.com/"),
            Property("insecure", Boolean),
            Property("maxRetries", Integer, default=3),
            Property("retryDelayMs", Integer, default=1000),
            Property("parallelRequests", Boolean),
            Property("readDelayMs", Integer),
            Property("writeDelayMs", Integer),
        ),
        configure=Client,
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
            "github:index/repository:Repository": (
                "the repository exists; managing it could delete it"
            ),
        },
    )
