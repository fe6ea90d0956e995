"""Dependabot of a repository."""

from __future__ import annotations

from localcloud.providers.framework import Boolean, Context, Integer, Property, Resource, Values
from localcloud.providers.github.client import Client


class RepositoryVulnerabilityAlerts(Resource[Client]):
    """Dependabot's alerts; import id is the repository's name."""

    token = "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts"  # noqa: S105
    undo_abandoned = False
    properties = (
        Property("repository", required=True, force_new=True),
        Property("enabled", Boolean, default=True),
        Property("repositoryId", Integer, output=True),
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Switch them."""
        self._switch(ctx, inputs["repository"], on=inputs["enabled"])
        number = ctx.client.repository_id(inputs["repository"])
        return inputs["repository"], {"repositoryId": number}

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:  # noqa: ARG002
        """As they are."""
        return {
            "repository": resource_id,
            "enabled": ctx.client.status(_alerts(ctx, resource_id)),
            "repositoryId": ctx.client.repository_id(resource_id),
        }

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Switch them."""
        self._switch(ctx, resource_id, on=new["enabled"])
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """Switch them off."""
        self._switch(ctx, resource_id, on=False)

    @staticmethod
    def _switch(ctx: Context[Client], repository: str, *, on: bool) -> None:
        if on:
            ctx.client.put(_alerts(ctx, repository))
        else:
            ctx.client.delete(_alerts(ctx, repository))


class RepositoryDependabotSecurityUpdates(Resource[Client]):
    """Dependabot's pull requests; import id is the repository's name."""

    token = (
        "github:index/repositoryDependabotSecurityUpdates:"  # noqa: S105
        "RepositoryDependabotSecurityUpdates"
    )
    undo_abandoned = False
    properties = (
        Property("repository", required=True, force_new=True),
        Property("enabled", Boolean, required=True),
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Switch them."""
        self._switch(ctx, inputs["repository"], on=inputs["enabled"])
        return inputs["repository"], {}

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:  # noqa: ARG002
        """As they are."""
        found = ctx.client.get(_updates(ctx, resource_id))
        return {"repository": resource_id, "enabled": bool(found["enabled"])}

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Switch them."""
        self._switch(ctx, resource_id, on=new["enabled"])
        return {}

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """Switch them off."""
        self._switch(ctx, resource_id, on=False)

    @staticmethod
    def _switch(ctx: Context[Client], repository: str, *, on: bool) -> None:
        if on:
            ctx.client.put(_updates(ctx, repository))
        else:
            ctx.client.delete(_updates(ctx, repository))


def _alerts(ctx: Context[Client], repository: str) -> str:
    return f"{ctx.client.repository(repository)}/vulnerability-alerts"


def _updates(ctx: Context[Client], repository: str) -> str:
    return f"{ctx.client.repository(repository)}/automated-security-fixes"
