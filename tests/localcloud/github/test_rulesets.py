"""Rulesets of the emulator."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import httpx
import pytest
from fastapi.testclient import TestClient

from localcloud.emulators.github.app import create_app

RULESETS = "/repos/wuesteon/monorepo/rulesets"
GOOD: dict[str, Any] = {
    "name": "main",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    "rules": [
        {"type": "deletion"},
        {
            "type": "pull_request",
            "parameters": {
                "dismiss_stale_reviews_on_push": True,
                "require_code_owner_review": False,
                "require_last_push_approval": False,
                "required_approving_review_count": 1,
                "required_review_thread_resolution": True,
            },
        },
        {
            "type": "required_status_checks",
            "parameters": {
                "required_status_checks": [{"context": "check"}],
                "strict_required_status_checks_policy": True,
            },
        },
    ],
}


def client(plan: str = "team") -> httpx.Client:
    """A client of an emulator on this plan."""
    app = create_app(None, tokens=["t"], seed={"repository": "monorepo", "plan": plan})
    return cast("httpx.Client", TestClient(app, headers={"Authorization": "Bearer t"}))


def changed(**fields: Any) -> dict[str, Any]:
    """The good ruleset with other fields."""
    return {**deepcopy(GOOD), **fields}


def rule(kind: str, **parameters: Any) -> dict[str, Any]:
    """A ruleset with this one rule."""
    return changed(rules=[{"type": kind, "parameters": parameters}])


def test_a_ruleset_lives_from_creation_to_deletion() -> None:
    api = client()
    made = api.post(RULESETS, json=GOOD)
    assert made.status_code == 201
    url = f"{RULESETS}/{made.json()['id']}"
    shown = api.get(url).json()
    assert shown["source"] == "wuesteon/monorepo"
    assert shown["rules"][0] == {"type": "deletion"}
    parameters = shown["rules"][1]["parameters"]
    assert parameters["allowed_merge_methods"] == ["merge", "squash", "rebase"]
    assert parameters["required_reviewers"] == []
    assert shown["rules"][2]["parameters"]["do_not_enforce_on_create"] is False
    (listed,) = api.get(RULESETS).json()
    assert "rules" not in listed
    again = api.put(url, json={"enforcement": "disabled"}).json()
    assert again["enforcement"] == "disabled"
    assert again["rules"] == shown["rules"]
    assert again["updated_at"] > shown["updated_at"]
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_a_name_is_used_once() -> None:
    api = client()
    api.post(RULESETS, json=GOOD)
    double = api.post(RULESETS, json=GOOD)
    assert double.status_code == 422
    assert double.json()["errors"] == ["Name must be unique"]
    other = api.post(RULESETS, json=changed(name="other")).json()["id"]
    assert api.put(f"{RULESETS}/{other}", json={"name": "main"}).status_code == 422
    assert api.put(f"{RULESETS}/{other}", json={"name": "other"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {key: value for key, value in GOOD.items() if key != "name"},
        {key: value for key, value in GOOD.items() if key != "enforcement"},
        changed(surprise=1),
        changed(target="commit"),
        changed(enforcement="sometimes"),
        changed(enforcement="evaluate"),
        changed(bypass_actors=None),
        changed(bypass_actors=[{"actor_type": "Nobody", "bypass_mode": "always"}]),
        changed(conditions={}),
        changed(conditions={"ref_name": {"include": ["main"], "exclude": []}}),
        changed(conditions={"ref_name": {"include": "~ALL", "exclude": []}}),
        rule("no_such_rule"),
        rule("deletion", surprise=True),
        rule("pull_request"),
        rule("max_file_size", max_file_size=5),
        rule("branch_name_pattern", operator="regex", pattern=".*"),
        rule(
            "required_status_checks",
            required_status_checks=[{}],
            strict_required_status_checks_policy=True,
        ),
        rule("merge_queue", check_response_timeout_minutes=0),
    ],
)
def test_bad_rulesets_are_refused(body: dict[str, Any]) -> None:
    api = client()
    answer = api.post(RULESETS, json=body)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("Invalid request.")
    assert api.get(RULESETS).json() == []


def test_push_rules_are_for_push_rulesets_only() -> None:
    api = client()
    body = {**rule("max_file_size", max_file_size=5), "target": "push"}
    del body["conditions"]
    assert api.post(RULESETS, json=body).status_code == 201


def test_pattern_rules_and_evaluation_are_for_enterprises() -> None:
    api = client("enterprise")
    body = rule("branch_name_pattern", operator="starts_with", pattern="x/")
    assert api.post(RULESETS, json={**body, "enforcement": "evaluate"}).status_code == 201
