"""The branch protection component."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.github import BranchProtection, BranchProtectionArgs
from tests.support.mocks import Recorder, recording

RULESET = "github:index/repositoryRuleset:RepositoryRuleset"


def register(**args: Any) -> tuple[Recorder, dict[str, Any]]:
    """Register one protection; the recorder and the component's outputs."""
    with recording({RULESET: lambda _: {"rulesetId": 42}}) as (recorder, run):

        def program() -> pulumi.Output[dict[str, Any]]:
            protection = BranchProtection(
                "main", BranchProtectionArgs(repository="monorepo", **args)
            )
            return pulumi.Output.all(ruleset_id=protection.ruleset_id)

        return recorder, run(program)


def test_the_type_token_is_pinned() -> None:
    assert BranchProtection.token == "manacore:github:BranchProtection"


def test_the_default_branch_changes_by_reviewed_pull_request_only() -> None:
    recorder, outputs = register(required_checks=("check", "preview"))
    inputs = recorder.one(RULESET, "main-ruleset").inputs
    assert inputs["name"] == "Protect the default branch"
    assert inputs["target"] == "branch"
    assert inputs["enforcement"] == "active"
    assert inputs["conditions"]["refName"] == {"includes": ["~DEFAULT_BRANCH"], "excludes": []}
    rules = inputs["rules"]
    assert rules["deletion"] is True
    assert rules["nonFastForward"] is True
    assert rules["requiredLinearHistory"] is True
    assert rules["pullRequest"]["requiredApprovingReviewCount"] == 1
    assert rules["pullRequest"]["dismissStaleReviewsOnPush"] is True
    assert rules["pullRequest"]["allowedMergeMethods"] == ["squash", "rebase"]
    assert [c["context"] for c in rules["requiredStatusChecks"]["requiredChecks"]] == [
        "check",
        "preview",
    ]
    assert rules["requiredStatusChecks"]["strictRequiredStatusChecksPolicy"] is True
    assert outputs["ruleset_id"] == 42


def test_nobody_bypasses_the_rules() -> None:
    recorder, _ = register()
    assert "bypassActors" not in recorder.one(RULESET).inputs


def test_rules_that_are_not_asked_for_are_left_out() -> None:
    recorder, _ = register(linear_history=False, merge_methods=("merge",))
    rules = recorder.one(RULESET).inputs["rules"]
    assert "requiredLinearHistory" not in rules
    assert "requiredSignatures" not in rules
    assert "requiredStatusChecks" not in rules


def test_signed_commits_can_be_required() -> None:
    recorder, _ = register(signed_commits=True, code_owner_review=True, last_push_approval=True)
    rules = recorder.one(RULESET).inputs["rules"]
    assert rules["requiredSignatures"] is True
    assert rules["pullRequest"]["requireCodeOwnerReview"] is True
    assert rules["pullRequest"]["requireLastPushApproval"] is True


def test_other_branches_are_named_by_full_references() -> None:
    recorder, _ = register(branches=("release/production", "refs/heads/x", "~ALL"))
    inputs = recorder.one(RULESET).inputs
    assert inputs["conditions"]["refName"]["includes"] == [
        "refs/heads/release/production",
        "refs/heads/x",
        "~ALL",
    ]
    assert inputs["name"] == "Protect release/production, refs/heads/x, ~ALL"


def test_all_faults_are_told_at_once_with_their_paths() -> None:
    with pytest.raises(ValueError, match="main") as caught:
        register(branches=(), approvals=11, required_checks=("a", "a"), merge_methods=("merge",))
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "main.branches",
        "main.approvals",
        "main.merge_methods",
        "main.required_checks",
    ]
    with pytest.raises(ValueError, match=r"main\.merge_methods: at least one"):
        register(merge_methods=())
