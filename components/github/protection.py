"""Rules for branches: how `main` may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import pulumi

from components.component import Component
from components.sdk import github

if TYPE_CHECKING:
    from components.sdk.github import RepositoryRulesetRulesRequiredStatusChecksArgsDict

DEFAULT_BRANCH = "~DEFAULT_BRANCH"
"""GitHub's name for whatever the default branch is called."""

MergeMethod = Literal["merge", "squash", "rebase"]


@dataclass(frozen=True, kw_only=True)
class BranchProtectionArgs:
    """How branches may change.

    Rulesets of private repositories need GitHub Pro, Team or Enterprise: on GitHub Free the
    API answers 403 and names the remedy.
    """

    repository: pulumi.Input[str]
    """Name of the repository, without its owner. It exists; it is not managed here."""
    branches: tuple[str, ...] = (DEFAULT_BRANCH,)
    """Names or patterns of the branches that the rules are for."""
    approvals: int = 1
    """Reviews that a pull request needs, 0 to 10."""
    required_checks: tuple[str, ...] = ()
    """Names of the jobs that must have passed on the newest state of the branch."""
    merge_methods: tuple[MergeMethod, ...] = ("squash", "rebase")
    """How pull requests may be merged; a linear history excludes `merge`."""
    linear_history: bool = True
    signed_commits: bool = False
    """Refuse commits without a verified signature."""
    code_owner_review: bool = False
    """Ask the code owners of the changed files for their review."""
    last_push_approval: bool = False
    """Someone else than the last to push has to approve."""

    def errors(self) -> list[str]:
        """All that is wrong, one line each, with its path."""
        found: list[str] = []
        if not self.branches:
            found.append("branches: at least one is needed")
        if not 0 <= self.approvals <= 10:
            found.append(f"approvals: {self.approvals} is not within 0..10")
        if not self.merge_methods:
            found.append("merge_methods: at least one is needed")
        if self.linear_history and "merge" in self.merge_methods:
            found.append("merge_methods: a linear history has no merge commits; take `merge` out")
        if len(set(self.required_checks)) != len(self.required_checks):
            found.append("required_checks: a check is named twice")
        return found


def branch_ruleset(
    name: str, ruleset: str, args: BranchProtectionArgs, opts: pulumi.ResourceOptions
) -> github.RepositoryRuleset:
    """The active ruleset called `ruleset`: no deletion, no force push, reviewed pull requests."""
    checks: RepositoryRulesetRulesRequiredStatusChecksArgsDict = {
        "required_checks": [{"context": check} for check in args.required_checks],
        "strict_required_status_checks_policy": True,
    }
    return github.RepositoryRuleset(
        name,
        name=ruleset,
        repository=args.repository,
        target="branch",
        enforcement="active",
        conditions={
            "ref_name": {"includes": [_ref(branch) for branch in args.branches], "excludes": []}
        },
        rules={
            "deletion": True,
            "non_fast_forward": True,
            # Left out rather than false: GitHub reports the absent rule as absent.
            "required_linear_history": args.linear_history or None,
            "required_signatures": args.signed_commits or None,
            "pull_request": {
                "allowed_merge_methods": list(args.merge_methods),
                "required_approving_review_count": args.approvals,
                "dismiss_stale_reviews_on_push": True,
                "require_code_owner_review": args.code_owner_review,
                "require_last_push_approval": args.last_push_approval,
                "required_review_thread_resolution": True,
            },
            "required_status_checks": checks if args.required_checks else None,
        },
        opts=opts,
    )


class BranchProtection(Component):
    """A ruleset for branches, by default the default branch.

    Raises `ValueError` with all faults of the arguments, each with its path.
    """

    token: ClassVar[str] = "manacore:github:BranchProtection"

    ruleset_id: pulumi.Output[int]
    """Number of the ruleset at GitHub."""

    def __init__(
        self, name: str, args: BranchProtectionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the ruleset."""
        if errors := args.errors():
            raise ValueError("\n".join(f"{name}.{error}" for error in errors))
        super().__init__(name, opts)
        title = f"Protect {', '.join(_label(branch) for branch in args.branches)}"
        ruleset = branch_ruleset(f"{name}-ruleset", title, args, self.child_options())
        self.ruleset_id = ruleset.ruleset_id
        self.register()


def _ref(branch: str) -> str:
    """A branch as a ruleset wants it: a full reference, or one of GitHub's own names (`~ALL`)."""
    return branch if branch.startswith(("~", "refs/")) else f"refs/heads/{branch}"


def _label(branch: str) -> str:
    """A branch as a person calls it."""
    return "the default branch" if branch == DEFAULT_BRANCH else branch
