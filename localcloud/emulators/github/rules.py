"""What GitHub takes as a ruleset: fields, targets, rules and their parameters.

Source: docs.github.com/rest/repos/rules, "Create a repository ruleset".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from localcloud.emulators.github.errors import schema_error

Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _one_of(*values: str) -> Check:
    return lambda value: value in values


def _between(low: int, high: int) -> Check:
    return lambda value: _is(int)(value) and low <= value <= high


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(i, str) for i in cast("list[Any]", value))


def _checks(value: object) -> bool:
    items = cast("list[Any]", value) if isinstance(value, list) else [None]
    return all(isinstance(i, dict) and isinstance(i.get("context"), str) for i in items)


_PATTERN: dict[str, Check] = {
    "operator": _one_of("starts_with", "ends_with", "contains", "regex"),
    "pattern": _is(str),
    "name?": _is(str),
    "negate?": _is(bool),
}
_NOTHING: dict[str, Check] = {}

# Parameters of each rule; a name that ends in `?` may be left out.
_BRANCH_RULES: dict[str, dict[str, Check]] = {
    "creation": _NOTHING,
    "update": {"update_allows_fetch_and_merge?": _is(bool)},
    "deletion": _NOTHING,
    "required_linear_history": _NOTHING,
    "required_signatures": _NOTHING,
    "non_fast_forward": _NOTHING,
    "required_deployments": {"required_deployment_environments": _strings},
    "pull_request": {
        "allowed_merge_methods?": lambda v: _strings(v) and {*v} <= {"merge", "squash", "rebase"},
        "dismiss_stale_reviews_on_push": _is(bool),
        "require_code_owner_review": _is(bool),
        "require_last_push_approval": _is(bool),
        "required_approving_review_count": _between(0, 10),
        "required_review_thread_resolution": _is(bool),
        "required_reviewers?": _is(list),
    },
    "required_status_checks": {
        "required_status_checks": _checks,
        "strict_required_status_checks_policy": _is(bool),
        "do_not_enforce_on_create?": _is(bool),
    },
    "merge_queue": {
        "check_response_timeout_minutes": _between(1, 360),
        "grouping_strategy": _one_of("ALLGREEN", "HEADGREEN"),
        "max_entries_to_build": _between(0, 100),
        "max_entries_to_merge": _between(0, 100),
        "merge_method": _one_of("MERGE", "SQUASH", "REBASE"),
        "min_entries_to_merge": _between(0, 100),
        "min_entries_to_merge_wait_minutes": _between(0, 360),
    },
    "code_scanning": {"code_scanning_tools": _is(list)},
    "workflows": {"workflows": _is(list), "do_not_enforce_on_create?": _is(bool)},
    "copilot_code_review": {"review_on_push?": _is(bool), "review_draft_pull_requests?": _is(bool)},
}
_ENTERPRISE_RULES: dict[str, dict[str, Check]] = {
    "commit_message_pattern": _PATTERN,
    "commit_author_email_pattern": _PATTERN,
    "committer_email_pattern": _PATTERN,
    "branch_name_pattern": _PATTERN,
    "tag_name_pattern": _PATTERN,
}
_PUSH_RULES: dict[str, dict[str, Check]] = {
    "file_path_restriction": {"restricted_file_paths": _strings},
    "max_file_path_length": {"max_file_path_length": _between(1, 32_767)},
    "file_extension_restriction": {"restricted_file_extensions": _strings},
    "max_file_size": {"max_file_size": _between(1, 100)},
}
_FIELDS: dict[str, Check] = {
    "name": _is(str),
    "target": _one_of("branch", "tag", "push"),
    "enforcement": _one_of("active", "disabled", "evaluate"),
    "bypass_actors": _is(list),
    "conditions": _is(dict),
    "rules": _is(list),
    # Clients send these back as they got them.
    "id": _is(int),
    "source": _is(str),
    "source_type": _one_of("Repository", "Organization"),
}
_ACTORS = ("RepositoryRole", "Team", "Integration", "OrganizationAdmin", "DeployKey", "User")
_MODES = ("always", "pull_request", "exempt")


def check_ruleset(body: Mapping[str, Any], *, partial: bool, enterprise: bool) -> None:
    """Refuse a body that is no ruleset; `partial` bodies need not name everything."""
    for field, value in body.items():
        if field not in _FIELDS:
            raise schema_error(f"Invalid property /{field}: is not a permitted key.")
        if not _FIELDS[field](value):
            said = "cannot be null" if value is None else "is not of the expected kind"
            raise schema_error(f"Invalid property /{field}: data {said}.")
    for field in () if partial else ("name", "enforcement"):
        if field not in body:
            raise schema_error(f'"{field}" wasn\'t supplied.')
    if not enterprise and body.get("enforcement") == "evaluate":
        raise schema_error("Enforcement evaluate is not allowed for this plan.")
    target = body.get("target", "branch")
    for index, actor in enumerate(body.get("bypass_actors", [])):
        if actor.get("actor_type") not in _ACTORS or actor.get("bypass_mode") not in _MODES:
            raise schema_error(f"Invalid property /bypass_actors/{index}.")
    _check_conditions(target, body.get("conditions"))
    for index, rule in enumerate(body.get("rules", [])):
        _check_rule(index, rule, target, enterprise=enterprise)


def _check_conditions(target: str, conditions: Mapping[str, Any] | None) -> None:
    if conditions is None or target == "push":
        return
    names = conditions.get("ref_name")
    if not isinstance(names, dict):
        raise schema_error("Invalid property /conditions: ref_name wasn't supplied.")
    for key in ("include", "exclude"):
        patterns = cast("dict[str, Any]", names).get(key)
        if not _strings(patterns):
            raise schema_error(f"Invalid property /conditions/ref_name/{key}.")
        for pattern in cast("list[str]", patterns):
            if not pattern.startswith(("refs/", "~")):
                raise schema_error(
                    f"Invalid target patterns: '{pattern}' is neither a full reference nor one"
                    " of ~DEFAULT_BRANCH and ~ALL."
                )


def _check_rule(index: int, rule: Mapping[str, Any], target: str, *, enterprise: bool) -> None:
    kind = rule.get("type")
    known = _PUSH_RULES if target == "push" else {**_BRANCH_RULES, **_ENTERPRISE_RULES}
    if kind not in known or (kind in _ENTERPRISE_RULES and not enterprise):
        raise schema_error(f"Invalid rule '{kind}' at /rules/{index}.")
    wanted = known[kind]
    given = cast("dict[str, Any]", rule.get("parameters") or {})
    for name, check in wanted.items():
        key = name.removesuffix("?")
        if key not in given and not name.endswith("?"):
            raise schema_error(f"Invalid property /rules/{index}: {key} wasn't supplied.")
        if key in given and not check(given[key]):
            raise schema_error(f"Invalid property /rules/{index}/parameters/{key}.")
    unknown = [key for key in given if key not in wanted and f"{key}?" not in wanted]
    if unknown:
        raise schema_error(f"Invalid property /rules/{index}/parameters/{unknown[0]}.")


def complete_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules with what GitHub fills in, as it shows them."""
    return [_complete(rule) for rule in rules]


def _complete(rule: dict[str, Any]) -> dict[str, Any]:
    kind = rule["type"]
    given = cast("dict[str, Any]", rule.get("parameters") or {})
    filled: dict[str, Any] = {}
    if kind == "pull_request":
        filled = {
            "allowed_merge_methods": ["merge", "squash", "rebase"],
            "required_reviewers": [],
        }
    elif kind == "required_status_checks":
        filled = {"do_not_enforce_on_create": False}
    elif kind == "update":
        filled = {"update_allows_fetch_and_merge": False}
    parameters: dict[str, Any] = {**filled, **given}
    return {"type": kind, "parameters": parameters} if parameters else {"type": kind}
