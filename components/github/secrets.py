"""Secrets and variables of the whole repository: what every workflow may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from components.component import Component
from components.github.names import logical, name_errors
from components.sdk import github


def prefixed(prefix: str, values: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
    """The same values under `PREFIX_NAME`.

    The team's names (`STAGING_HOST`, `PRODUCTION_HOST`) stay the same whether a value lives in
    an environment or, where the plan has no environments for private repositories (GitHub
    Free), in the repository.
    """
    return {f"{prefix}_{name}": value for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class RepositorySecretsArgs:
    """Values by their names at GitHub (`TURBO_TOKEN`, `CODECOV_TOKEN`)."""

    repository: pulumi.Input[str]
    """Name of the repository, without its owner. It exists; it is not managed here."""
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])

    def errors(self) -> list[str]:
        """All that is wrong, one line each, with its path."""
        return name_errors(self.secrets, "secrets") + name_errors(self.variables, "variables")


class RepositorySecrets(Component):
    """Actions secrets and variables of the repository.

    Raises `ValueError` with all faults of the arguments, each with its path.
    """

    token: ClassVar[str] = "manacore:github:RepositorySecrets"

    secret_names: pulumi.Output[list[str]]
    """Names of the secrets, sorted."""
    variable_names: pulumi.Output[list[str]]
    """Names of the variables, sorted."""

    def __init__(
        self, name: str, args: RepositorySecretsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the secrets and variables."""
        if errors := args.errors():
            raise ValueError("\n".join(f"{name}.{error}" for error in errors))
        super().__init__(name, opts)
        for secret, value in args.secrets.items():
            github.ActionsSecret(
                f"{name}-secret-{logical(secret)}",
                repository=args.repository,
                secret_name=secret,
                value=pulumi.Output.secret(value),
                opts=self.child_options(),
            )
        for variable, value in args.variables.items():
            github.ActionsVariable(
                f"{name}-variable-{logical(variable)}",
                repository=args.repository,
                variable_name=variable,
                value=value,
                opts=self.child_options(),
            )
        self.secret_names = pulumi.Output.from_input(sorted(args.secrets))
        self.variable_names = pulumi.Output.from_input(sorted(args.variables))
        self.register()
