"""RepositoryVulnerabilityAlerts and RepositoryDependabotSecurityUpdates."""

# ruff: noqa: ARG002 - the arguments of the methods are the framework's, used or not

from __future__ import annotations

from typing import Any

from localcloud.providers.framework import Boolean, Context, Property, Resource, Values
from localcloud.providers.github.client import Client
from localcloud.providers.github.environments import REPOSITORY, REPOSITORY_ID


def _switch(client: Client, path: str, *, on: bool) -> None:
    if on:
        client.put(path)
    else:
        client.delete(path)


class RepositoryVulnerabilityAlerts(Resource[Client]):
    """Dependabot's alerts."""

    token = "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts"  # noqa: S105
    properties = (REPOSITORY, Property("enabled", Boolean, default=True), REPOSITORY_ID)

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Switch them on or off; the id is the repository's number."""
        number = ctx.client.repository_id(inputs["repository"])
        _switch(ctx.client, self._path(ctx.client, inputs), on=inputs["enabled"])
        return str(number), {"repositoryId": number}

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """Whether they are on; an import names the repository."""
        repository = state.get("repository", resource_id)
        number = ctx.client.repository_id(repository)
        enabled = ctx.client.status(self._path(ctx.client, {"repository": repository}))
        outputs: dict[str, Any] = {"id": str(number), "repository": repository}
        return {**outputs, "repositoryId": number, "enabled": enabled}

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Switch them on or off."""
        _switch(ctx.client, self._path(ctx.client, new), on=new["enabled"])
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Switch them off."""
        ctx.client.delete(self._path(ctx.client, state))

    @staticmethod
    def _path(client: Client, values: Values) -> str:
        return f"{client.repository(values['repository'])}/vulnerability-alerts"


class RepositoryDependabotSecurityUpdates(Resource[Client]):
    """Dependabot's pull requests."""

    token = "github:index/repositoryDependabotSecurityUpdates:RepositoryDependabotSecurityUpdates"  # noqa: S105
    properties = (
        Property("repository", required=True, force_new=True),
        Property("enabled", Boolean, required=True),
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Switch them on or off; the id is the repository's name."""
        _switch(ctx.client, self._path(ctx.client, inputs), on=inputs["enabled"])
        return inputs["repository"], {}

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """Whether they are on."""
        repository = state.get("repository", resource_id)
        found = ctx.client.get(self._path(ctx.client, {"repository": repository}))
        return {"repository": repository, "enabled": found["enabled"]}

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Switch them on or off."""
        _switch(ctx.client, self._path(ctx.client, new), on=new["enabled"])
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Switch them off."""
        ctx.client.delete(self._path(ctx.client, state))

    @staticmethod
    def _path(client: Client, values: Values) -> str:
        return f"{client.repository(values['repository'])}/automated-security-fixes"
