"""Rulesets of a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from localcloud.providers.framework import (
    Anything,
    Boolean,
    Context,
    Integer,
    ListOf,
    Object,
    Property,
    Resource,
    String,
    Values,
)
from localcloud.providers.github.client import Client, parse_id

_SWITCHES: Final = {
    "creation": "creation",
    "deletion": "deletion",
    "nonFastForward": "non_fast_forward",
    "requiredLinearHistory": "required_linear_history",
    "requiredSignatures": "required_signatures",
}
_PULL_REQUEST: Final = {
    "allowedMergeMethods": "allowed_merge_methods",
    "dismissStaleReviewsOnPush": "dismiss_stale_reviews_on_push",
    "requireCodeOwnerReview": "require_code_owner_review",
    "requireLastPushApproval": "require_last_push_approval",
    "requiredApprovingReviewCount": "required_approving_review_count",
    "requiredReviewThreadResolution": "required_review_thread_resolution",
}
_RULES: Final = Object(
    *(Property(name, Boolean) for name in _SWITCHES),
    Property(
        "pullRequest",
        Object(
            Property("allowedMergeMethods", ListOf(String), computed=True),
            Property("requiredApprovingReviewCount", Integer, default=0),
            *(
                Property(name, Boolean, default=False)
                for name in _PULL_REQUEST
                if name not in ("allowedMergeMethods", "requiredApprovingReviewCount")
            ),
        ),
    ),
    Property(
        "requiredStatusChecks",
        Object(
            Property(
                "requiredChecks",
                ListOf(
                    Object(
                        Property("context", required=True),
                        Property("integrationId", Integer, default=0),
                    )
                ),
                required=True,
            ),
            Property("strictRequiredStatusChecksPolicy", Boolean, default=False),
            Property("doNotEnforceOnCreate", Boolean, default=False),
        ),
    ),
)


class RepositoryRuleset(Resource[Client]):
    """A ruleset; import id `<repository>:<ruleset id>`. Rules it does not know are refused."""

    token = "github:index/repositoryRuleset:RepositoryRuleset"  # noqa: S105
    autoname = "name"
    properties = (
        Property("repository", required=True, force_new=True),
        Property("name", computed=True),
        Property("target", required=True, choices=("branch", "tag", "push")),
        Property("enforcement", required=True, choices=("active", "disabled", "evaluate")),
        Property(
            "conditions",
            Object(
                Property(
                    "refName",
                    Object(
                        Property("includes", ListOf(String), required=True),
                        Property("excludes", ListOf(String), required=True),
                    ),
                    required=True,
                )
            ),
        ),
        Property("bypassActors", ListOf(Anything)),
        Property("rules", _RULES, required=True),
        Property("etag", output=True, volatile=True),
        Property("nodeId", output=True),
        Property("rulesetId", Integer, output=True),
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Make it."""
        path = f"{ctx.client.repository(inputs['repository'])}/rulesets"

        def existing() -> dict[str, Any] | None:
            listed: Any = ctx.client.get(path)
            same = [found for found in listed if found["name"] == inputs["name"]]
            return ctx.client.get(f"{path}/{same[0]['id']}") if same else None

        made = ctx.client.post(path, _body(inputs), existing)
        return str(made["id"]), _identity(made)

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:
        """As it is."""
        if state:
            repository, number = state["repository"], resource_id
        else:
            repository, number = parse_id(resource_id, "<repository>:<ruleset id>")
        found = ctx.client.get(f"{ctx.client.repository(repository)}/rulesets/{number}")
        held: Values = found.get("conditions") or {}
        conditions: Values | None = held.get("ref_name")
        return {
            "id": number,
            "repository": repository,
            "name": found["name"],
            "target": found["target"],
            "enforcement": found["enforcement"],
            "conditions": conditions
            and {
                "refName": {
                    "includes": conditions["include"],
                    "excludes": conditions["exclude"],
                }
            },
            "rules": _rules_of(found["rules"]),
            **_identity(found),
        }

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Overwrite it."""
        path = f"{ctx.client.repository(new['repository'])}/rulesets/{resource_id}"
        return _identity(ctx.client.put(path, _body(new)))

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Remove it."""
        ctx.client.delete(f"{ctx.client.repository(state['repository'])}/rulesets/{resource_id}")


def _identity(found: Mapping[str, Any]) -> Values:
    return {
        "rulesetId": found["id"],
        "nodeId": found.get("node_id", ""),
        "etag": str(found.get("updated_at", "")),
    }


def _body(inputs: Values) -> Values:
    conditions = inputs.get("conditions")
    return {
        "name": inputs["name"],
        "target": inputs["target"],
        "enforcement": inputs["enforcement"],
        "bypass_actors": inputs.get("bypassActors", []),
        "conditions": conditions
        and {
            "ref_name": {
                "include": conditions["refName"]["includes"],
                "exclude": conditions["refName"]["excludes"],
            }
        },
        "rules": list(_rules(inputs["rules"])),
    }


def _rules(rules: Values) -> Iterator[Values]:
    for name, kind in _SWITCHES.items():
        if rules.get(name):
            yield {"type": kind}
    if review := rules.get("pullRequest"):
        parameters = {key: review[name] for name, key in _PULL_REQUEST.items() if name in review}
        yield {"type": "pull_request", "parameters": parameters}
    if checks := rules.get("requiredStatusChecks"):
        required = [
            {"context": check["context"]}
            | ({"integration_id": check["integrationId"]} if check.get("integrationId") else {})
            for check in checks["requiredChecks"]
        ]
        yield {
            "type": "required_status_checks",
            "parameters": {
                "required_status_checks": required,
                "strict_required_status_checks_policy": checks["strictRequiredStatusChecksPolicy"],
                "do_not_enforce_on_create": checks["doNotEnforceOnCreate"],
            },
        }


def _rules_of(listed: list[Mapping[str, Any]]) -> Values:
    found: dict[str, Values] = {
        str(rule["type"]): dict(rule.get("parameters") or {}) for rule in listed
    }
    rules: Values = {name: True for name, kind in _SWITCHES.items() if kind in found}
    if (review := found.get("pull_request")) is not None:
        rules["pullRequest"] = {n: review[key] for n, key in _PULL_REQUEST.items() if key in review}
    if (checks := found.get("required_status_checks")) is not None:
        rules["requiredStatusChecks"] = {
            "requiredChecks": [_check_of(check) for check in checks["required_status_checks"]],
            "strictRequiredStatusChecksPolicy": checks["strict_required_status_checks_policy"],
            "doNotEnforceOnCreate": checks.get("do_not_enforce_on_create", False),
        }
    return rules


def _check_of(check: Mapping[str, Any]) -> Values:
    return {"context": check["context"], "integrationId": check.get("integration_id") or 0}
