"""GitHub: the deployment environment of the stack, and the rules of the apps' repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from catalog import Catalog
from components.github.environment import Environment, EnvironmentArgs, Reviewers
from components.github.protection import BranchProtection, BranchProtectionArgs
from components.github.security import RepositorySecurity, RepositorySecurityArgs
from stacks import second_copy
from stacks.policy import Policy
from stacks.providers import Providers
from stacks.settings import Settings
from stacks.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the outputs say of GitHub."""

    environment: Environment


def deliver(
    *,
    stack: str,
    providers: Providers,
    settings: Settings,
    policy: Policy,
    catalog: Catalog,
    vault: Vault,
    variables: Mapping[str, pulumi.Input[str]],
) -> Delivery:
    """Make the environment, with what its workflows need under the stack's prefix.

    `variables` are facts of the stack, such as the address of its server.
    """
    prefix = f"{stack.upper()}_"
    given = {
        name: pulumi.Output.secret(v.get_secret_value())
        for name, v in settings.secrets.items()
        if name not in catalog.private_secret_names and name != second_copy.SECRET
    }
    builds = {name for service in catalog for name in service.ci_secrets}
    secrets: dict[str, pulumi.Input[str]] = {
        **{name if name in builds else prefix + name: value for name, value in given.items()},
        f"{prefix}POSTGRES_PASSWORD": vault.password("postgres"),
        f"{prefix}REDIS_PASSWORD": vault.password("redis-admin"),
        f"{prefix}JWT_PRIVATE_KEY": vault.jwt_private_key,
    }
    environment = Environment(
        "delivery",
        EnvironmentArgs(
            repository=settings.github.repository,
            environment=stack,
            branches=(settings.github.branch,),
            reviewers=Reviewers(users=settings.github.reviewers),
            wait_minutes=settings.github.wait_minutes,
            required_reviewers_available=settings.github.required_reviewers_available,
            secrets=secrets,
            variables={
                **{prefix + name: value for name, value in variables.items()},
                **{prefix + name: value for name, value in settings.variables.items()},
            },
        ),
        providers.options(),
    )
    if policy.owns_repository:
        BranchProtection(
            "main",
            BranchProtectionArgs(repository=settings.github.repository, required_checks=("check",)),
            providers.options(),
        )
        RepositorySecurity(
            "repository",
            RepositorySecurityArgs(repository=settings.github.repository),
            providers.options(),
        )
    return Delivery(environment=environment)
