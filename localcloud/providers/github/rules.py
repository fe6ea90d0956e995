"""The rules of a ruleset: their properties, and their forms in the state and in the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from localcloud.providers.framework import (
    Boolean,
    Integer,
    ListOf,
    Object,
    Property,
    SetOf,
    String,
    Values,
)
from localcloud.providers.github.client import Json

FLAGS: Final = (
    "creation",
    "deletion",
    "nonFastForward",
    "requiredLinearHistory",
    "requiredSignatures",
)
"""Rules without parameters."""


def _within(low: int, high: int) -> Callable[[int], str | None]:
    def check(value: int) -> str | None:
        inside = low <= value <= high
        return None if inside else f"expected to be in the range ({low} - {high}), got {value}"

    return check


def _pattern(name: str) -> Property:
    fields = (
        Property("name"),
        Property("negate", Boolean),
        Property(
            "operator", required=True, choices=("starts_with", "ends_with", "contains", "regex")
        ),
        Property("pattern", required=True),
    )
    return Property(name, Object(*fields))


_REVIEWER: Final = Object(
    Property("filePatterns", ListOf(String), required=True),
    Property("minimumApprovals", Integer, required=True),
    Property(
        "reviewer",
        Object(
            Property("id", Integer, required=True),
            Property("type", required=True, choices=("Team",)),
        ),
        required=True,
    ),
)
_PULL_REQUEST: Final = Object(
    Property("allowedMergeMethods", ListOf(String), computed=True),
    Property("dismissStaleReviewsOnPush", Boolean),
    Property("requireCodeOwnerReview", Boolean),
    Property("requireLastPushApproval", Boolean),
    Property("requiredApprovingReviewCount", Integer, validate=_within(0, 10)),
    Property("requiredReviewThreadResolution", Boolean),
    Property("requiredReviewers", ListOf(_REVIEWER)),
)
_CHECK: Final = Object(Property("context", required=True), Property("integrationId", Integer))
_STATUS_CHECKS: Final = Object(
    Property("requiredChecks", SetOf(_CHECK), required=True),
    Property("strictRequiredStatusChecksPolicy", Boolean),
    Property("doNotEnforceOnCreate", Boolean),
)
_MERGE_QUEUE: Final = Object(
    Property("checkResponseTimeoutMinutes", Integer, default=60, validate=_within(0, 360)),
    Property("groupingStrategy", default="ALLGREEN", choices=("ALLGREEN", "HEADGREEN")),
    Property("maxEntriesToBuild", Integer, default=5, validate=_within(0, 100)),
    Property("maxEntriesToMerge", Integer, default=5, validate=_within(0, 100)),
    Property("mergeMethod", default="MERGE", choices=("MERGE", "SQUASH", "REBASE")),
    Property("minEntriesToMerge", Integer, default=1, validate=_within(0, 100)),
    Property("minEntriesToMergeWaitMinutes", Integer, default=5, validate=_within(0, 360)),
)
_SCANNING_TOOL: Final = Object(
    Property("alertsThreshold", required=True),
    Property("securityAlertsThreshold", required=True),
    Property("tool", required=True),
)
_BLOCKS: Final = (
    Property("pullRequest", _PULL_REQUEST),
    Property("requiredStatusChecks", _STATUS_CHECKS),
    Property("mergeQueue", _MERGE_QUEUE),
    Property(
        "requiredDeployments",
        Object(Property("requiredDeploymentEnvironments", ListOf(String), required=True)),
    ),
    Property(
        "requiredCodeScanning",
        Object(Property("requiredCodeScanningTools", SetOf(_SCANNING_TOOL), required=True)),
    ),
    Property(
        "copilotCodeReview",
        Object(Property("reviewOnPush", Boolean), Property("reviewDraftPullRequests", Boolean)),
    ),
    Property(
        "filePathRestriction",
        Object(Property("restrictedFilePaths", ListOf(String), required=True)),
    ),
    Property(
        "maxFilePathLength",
        Object(Property("maxFilePathLength", Integer, required=True, validate=_within(1, 32_767))),
    ),
    Property(
        "fileExtensionRestriction",
        Object(Property("restrictedFileExtensions", SetOf(String), required=True)),
    ),
    Property(
        "maxFileSize",
        Object(Property("maxFileSize", Integer, required=True, validate=_within(1, 100))),
    ),
    *(
        _pattern(f"{name}Pattern")
        for name in (
            "branchName",
            "tagName",
            "commitMessage",
            "commitAuthorEmail",
            "committerEmail",
        )
    ),
)
RULES: Final = Object(
    *(Property(name, Boolean) for name in (*FLAGS, "update", "updateAllowsFetchAndMerge")),
    *_BLOCKS,
)

# Where the API's name is not the property's in snake case.
_RENAMED: Final = {
    "requiredCodeScanning": "code_scanning",
    "requiredCodeScanningTools": "code_scanning_tools",
    "requiredChecks": "required_status_checks",
}
_BACK: Final = {snake: camel for camel, snake in _RENAMED.items()}
# What the API requires and a program may leave out.
_FALSE: Final = {
    "pull_request": (
        "dismiss_stale_reviews_on_push",
        "require_code_owner_review",
        "require_last_push_approval",
        "required_review_thread_resolution",
    ),
    "required_status_checks": (
        "strict_required_status_checks_policy",
        "do_not_enforce_on_create",
    ),
}


def to_api(rules: Values) -> list[Json]:
    """The rules as the API takes them."""
    made: list[Json] = [{"type": _snake(flag)} for flag in FLAGS if rules.get(flag)]
    if rules.get("update"):
        merge = bool(rules.get("updateAllowsFetchAndMerge"))
        parameters = {"update_allows_fetch_and_merge": True} if merge else {}
        made.append({"type": "update", "parameters": parameters})
    for block in _BLOCKS:
        given = rules.get(block.name)
        if given is None:
            continue
        kind = _snake(block.name)
        parameters = {**dict.fromkeys(_FALSE.get(kind, ()), False), **_convert(given, _snake)}
        if kind == "pull_request":
            parameters.setdefault("required_approving_review_count", 0)
        made.append({"type": kind, "parameters": parameters})
    return made


def from_api(rules: list[Json]) -> Values:
    """The rules as the state holds them."""
    found: Values = dict.fromkeys((*FLAGS, "update", "updateAllowsFetchAndMerge"), False)
    for rule in rules:
        kind: str = rule["type"]
        parameters: Json = rule.get("parameters") or {}
        name = _RULE_NAMES.get(kind)
        if name is None:
            continue  # a kind that only organizations have
        if name in FLAGS or name == "update":
            found[name] = True
            found.update(_convert(parameters, _camel))
        else:
            found[name] = _within_block(name, _convert(parameters, _camel))
    return found


def _within_block(name: str, parameters: Values) -> Values:
    if name == "requiredStatusChecks" and "requiredStatusChecks" in parameters:
        parameters["requiredChecks"] = parameters.pop("requiredStatusChecks")
    return {key: value for key, value in parameters.items() if value != []}


def _convert(value: Any, rename: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        items: dict[str, Any] = dict(value)  # pyright: ignore[reportUnknownArgumentType]
        kept = {key: item for key, item in items.items() if item is not None}
        return {rename(key): _convert(item, rename) for key, item in kept.items()}
    if isinstance(value, list):
        entries: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [_convert(item, rename) for item in entries]
    return value


def _snake(name: str) -> str:
    return _RENAMED.get(name) or re.sub(r"[A-Z]", lambda m: f"_{m.group().lower()}", name)


def _camel(name: str) -> str:
    if name in ("code_scanning", "code_scanning_tools"):
        return _BACK[name]
    return re.sub(r"_([a-z])", lambda m: m.group(1).upper(), name)


_RULE_NAMES: Final = {
    **{_snake(name): name for name in (*FLAGS, "update")},
    **{_snake(block.name): block.name for block in _BLOCKS},
}
