"""A deployment environment of the repository: its gate, secrets and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import pulumi

from components.component import Component
from components.github.names import logical, name_errors
from components.github.protection import BranchProtectionArgs, branch_ruleset
from components.sdk import github

if TYPE_CHECKING:
    from components.sdk.github import (
        RepositoryEnvironmentDeploymentBranchPolicyArgsDict,
        RepositoryEnvironmentReviewerArgsDict,
    )

MAX_REVIEWERS = 6
"""Users and teams together, of which one has to approve."""
MAX_WAIT_MINUTES = 43_200


class Gate(StrEnum):
    """What stands between a workflow and a deployment."""

    REVIEWERS = "required-reviewers"
    """A person of the list approves each deployment."""
    REVIEWED_BRANCH = "reviewed-branch"
    """Only one branch deploys, and it moves only by an approved pull request."""
    WAIT_TIMER = "wait-timer"
    """Each deployment waits, and can be cancelled meanwhile."""
    BRANCHES = "branches"
    """Only named branches deploy; nobody has to approve."""
    OPEN = "open"
    """Any branch deploys."""


@dataclass(frozen=True, kw_only=True)
class Reviewers:
    """Who may approve a deployment; one of them is enough. Each needs read access."""

    users: tuple[pulumi.Input[int], ...] = ()
    """Numeric ids of users: `gh api users/<login> --jq .id`."""
    teams: tuple[pulumi.Input[int], ...] = ()
    """Numeric ids of teams: `gh api orgs/<org>/teams/<slug> --jq .id`."""

    def __len__(self) -> int:
        return len(self.users) + len(self.teams)


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """What an environment is made of.

    `secrets` and `variables` are given by their names at GitHub; the values of `secrets` are
    encrypted in the state whether they arrive as secrets or not.
    """

    repository: pulumi.Input[str]
    """Name of the repository, without its owner. It exists; it is not managed here."""
    environment: str
    """`staging` or `production`."""
    branches: tuple[str, ...] = ("main",)
    """Name patterns of the branches that may deploy (`main`, `release/*`); none: all may."""
    tags: tuple[str, ...] = ()
    """Name patterns of the tags that may deploy."""
    reviewers: Reviewers = field(default_factory=Reviewers)
    """Who approves; none: nobody has to."""
    prevent_self_review: bool = True
    """Whoever started a deployment cannot approve it."""
    admins_bypass: bool = False
    """Whether administrators may skip the gate. They always may where the plan lacks required
    reviewers: GitHub takes this setting with them only."""
    wait_minutes: int = 0
    """Minutes that each deployment waits, at most 30 days."""
    required_reviewers_available: bool = True
    """Whether GitHub offers required reviewers and wait timers for this repository: for public
    ones on every plan, for private ones on GitHub Enterprise only (not Free, Pro or Team)."""
    release_branch: str | None = None
    """The branch of the fallback gate; none: `release/<environment>`."""
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])

    def errors(self) -> list[str]:
        """All that is wrong, one line each, with its path."""
        found = name_errors(self.secrets, "secrets") + name_errors(self.variables, "variables")
        if not self.environment.strip() or len(self.environment) > 255:
            found.append("environment: a name of 1 to 255 characters is needed")
        if len(self.reviewers) > MAX_REVIEWERS:
            found.append(f"reviewers: {len(self.reviewers)} given, at most {MAX_REVIEWERS} allowed")
        if not 0 <= self.wait_minutes <= MAX_WAIT_MINUTES:
            found.append(f"wait_minutes: {self.wait_minutes} is not within 0..{MAX_WAIT_MINUTES}")
        return found

    @property
    def gate(self) -> Gate:
        """The strongest gate that these arguments put in force."""
        if self.required_reviewers_available:
            if len(self.reviewers):
                return Gate.REVIEWERS
            if self.wait_minutes:
                return Gate.WAIT_TIMER
        elif len(self.reviewers):
            return Gate.REVIEWED_BRANCH
        return Gate.BRANCHES if self.branches or self.tags else Gate.OPEN

    @property
    def deploying(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Patterns of the branches and of the tags that may deploy."""
        if self.gate is Gate.REVIEWED_BRANCH:
            return (self.gate_branch,), ()
        return self.branches, self.tags

    @property
    def gate_branch(self) -> str:
        """The branch of the fallback gate."""
        return self.release_branch or f"release/{self.environment}"


class Environment(Component):
    """An environment with its gate, its secrets and its variables.

    Where reviewers are asked for and the account's plan has none for this repository
    (`required_reviewers_available=False`), the gate is another one, and as strong: only the
    branch `release/<environment>` deploys, and a ruleset lets that branch move only by a pull
    request that someone else approved. Approving the pull request is then what approving the
    deployment is elsewhere. The wait timer is left out too: the same plans lack it. The output
    `gate` says which gate is in force, and a warning says so at every preview.

    Raises `ValueError` with all faults of the arguments, each with its path.
    """

    token: ClassVar[str] = "manacore:github:Environment"

    environment: pulumi.Output[str]
    """Name of the environment."""
    gate: pulumi.Output[str]
    """The gate in force, a value of `Gate`."""
    deploys_from: pulumi.Output[list[str]]
    """Patterns of branches and tags that may deploy; empty: all of them."""

    def __init__(
        self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the environment and all that belongs to it."""
        if errors := args.errors():
            raise ValueError("\n".join(f"{name}.{error}" for error in errors))
        super().__init__(name, opts)
        resource = self._environment(name, args)
        # Its output, not the plain name: policies, secrets and variables come after it.
        self.environment = resource.environment
        branches, tags = args.deploying
        self._policies(name, args.repository, branches, tags)
        if args.gate is Gate.REVIEWED_BRANCH:
            self._fallback(name, args)
        self._values(name, args)
        self.gate = pulumi.Output.from_input(args.gate.value)
        self.deploys_from = pulumi.Output.from_input([*branches, *tags])
        self.register()

    def _environment(self, name: str, args: EnvironmentArgs) -> github.RepositoryEnvironment:
        branches, tags = args.deploying
        restricted = bool(branches or tags)
        reviewed = args.gate is Gate.REVIEWERS
        waits = args.required_reviewers_available and args.wait_minutes > 0
        reviewers: RepositoryEnvironmentReviewerArgsDict = {
            "users": list(args.reviewers.users) or None,
            "teams": list(args.reviewers.teams) or None,
        }
        policy: RepositoryEnvironmentDeploymentBranchPolicyArgsDict = {
            "protected_branches": False,
            "custom_branch_policies": True,
        }
        return github.RepositoryEnvironment(
            f"{name}-environment",
            repository=args.repository,
            environment=args.environment,
            can_admins_bypass=args.admins_bypass or not args.required_reviewers_available,
            # GitHub refuses it without a reviewer.
            prevent_self_review=reviewed and args.prevent_self_review,
            wait_timer=args.wait_minutes if waits else None,
            reviewers=[reviewers] if reviewed else None,
            deployment_branch_policy=policy if restricted else None,
            opts=self.child_options(),
        )

    def _policies(
        self,
        name: str,
        repository: pulumi.Input[str],
        branches: tuple[str, ...],
        tags: tuple[str, ...],
    ) -> None:
        for pattern in branches:
            github.RepositoryEnvironmentDeploymentPolicy(
                f"{name}-branch-{_slug(pattern)}",
                repository=repository,
                environment=self.environment,
                branch_pattern=pattern,
                opts=self.child_options(),
            )
        for pattern in tags:
            github.RepositoryEnvironmentDeploymentPolicy(
                f"{name}-tag-{_slug(pattern)}",
                repository=repository,
                environment=self.environment,
                tag_pattern=pattern,
                opts=self.child_options(),
            )

    def _fallback(self, name: str, args: EnvironmentArgs) -> None:
        pulumi.log.warn(
            f"this plan has no required reviewers here: {args.environment} deploys from"
            f" {args.gate_branch} only, which moves by an approved pull request",
            self,
        )
        rules = BranchProtectionArgs(
            repository=args.repository,
            branches=(args.gate_branch,),
            # The branch is moved by merging the default branch into it, so its merges stay.
            linear_history=False,
            merge_methods=("merge",),
            last_push_approval=args.prevent_self_review,
        )
        ruleset = f"Gate of {args.environment}"
        branch_ruleset(f"{name}-gate", ruleset, rules, self.child_options())

    def _values(self, name: str, args: EnvironmentArgs) -> None:
        for secret, value in args.secrets.items():
            github.ActionsEnvironmentSecret(
                f"{name}-secret-{logical(secret)}",
                repository=args.repository,
                environment=self.environment,
                secret_name=secret,
                value=pulumi.Output.secret(value),
                opts=self.child_options(),
            )
        for variable, value in args.variables.items():
            github.ActionsEnvironmentVariable(
                f"{name}-variable-{logical(variable)}",
                repository=args.repository,
                environment=self.environment,
                variable_name=variable,
                value=value,
                opts=self.child_options(),
            )


def _slug(pattern: str) -> str:
    """A ref pattern as a part of a logical name."""
    return pattern.replace("/", "-").replace("*", "any")
