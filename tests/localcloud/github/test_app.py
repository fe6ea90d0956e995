"""What the emulator refuses, and how it says so."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from nacl.public import PrivateKey, PublicKey, SealedBox

from localcloud.emulators.github.app import create_app
from localcloud.emulators.github.values import reveal

REPO = "/repos/wuesteon/monorepo"
ENVIRONMENT = f"{REPO}/environments/production"
HEADERS = {"Authorization": "token t"}


def client(path: Path | None = None, **seed: Any) -> httpx.Client:
    """A client of an emulator with this seed."""
    return served(create_app(path, tokens=["t"], seed={"repository": "monorepo", **seed}))


def served(app: FastAPI) -> httpx.Client:
    """A client that needs no socket; Starlette's is one of httpx, which has the types."""
    return cast("httpx.Client", TestClient(app, headers=HEADERS))


@pytest.fixture
def api() -> httpx.Client:
    return client(plan="enterprise")


def sealed(api: httpx.Client, base: str, value: str) -> dict[str, str]:
    """The body that writes a secret, sealed as clients do."""
    key = api.get(f"{base}/secrets/public-key").json()
    box = SealedBox(PublicKey(base64.b64decode(key["key"])))
    cipher = box.encrypt(value.encode())
    return {"key_id": key["key_id"], "encrypted_value": base64.b64encode(cipher).decode()}


def test_no_token_and_a_wrong_token_are_told_apart(api: httpx.Client) -> None:
    without = api.get("/user", headers={"Authorization": ""})
    assert (without.status_code, without.json()["message"]) == (401, "Requires authentication")
    wrong = api.get("/user", headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 401
    assert wrong.json() == {
        "message": "Bad credentials",
        "documentation_url": "https://docs.github.com/rest",
        "status": "401",
    }


@pytest.mark.parametrize("path", ["/nowhere", f"{REPO}x", f"{ENVIRONMENT}", f"{REPO}/rulesets/x"])
def test_what_is_absent_is_not_found(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.json()["message"] == "Not Found"


def test_a_body_that_is_no_json_object_is_refused(api: httpx.Client) -> None:
    assert api.put(ENVIRONMENT, content="{").json()["message"] == "Problems parsing JSON"
    answer = api.put(ENVIRONMENT, content="[]")
    assert (answer.status_code, answer.json()["message"]) == (400, "Body should be a JSON object")


def test_every_answer_has_the_rate_limit_and_a_request_id(api: httpx.Client) -> None:
    answer = api.get(REPO)
    assert answer.headers["X-RateLimit-Limit"] == "5000"
    assert answer.headers["X-RateLimit-Remaining"] == "4999"
    assert answer.headers["X-GitHub-Request-Id"]


def test_a_used_up_limit_is_a_403_with_nothing_remaining() -> None:
    app = create_app(None, tokens=["t"], seed={"repository": "monorepo"}, rate_limit=1)
    api = served(app)
    assert api.get(REPO).status_code == 200
    answer = api.get(REPO)
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("API rate limit exceeded")
    assert answer.headers["X-RateLimit-Remaining"] == "0"


def test_an_unchanged_answer_is_304_to_whom_knows_its_tag(api: httpx.Client) -> None:
    first = api.get(REPO)
    again = api.get(REPO, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    api.patch(REPO, json={"default_branch": "trunk"})
    changed = api.get(REPO, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.json()["default_branch"] == "trunk"


def test_injected_limits_carry_githubs_body(api: httpx.Client) -> None:
    api.post("/_faults", json={"path_regex": "/repos/", "status": 429, "retry_after": 1})
    answer = api.get(REPO)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["message"].startswith("You have exceeded a secondary rate limit")
    assert answer.json()["documentation_url"].endswith("secondary-rate-limits")


# Plans


@pytest.mark.parametrize("plan", ["team", "pro"])
@pytest.mark.parametrize("field", [{"wait_timer": 0}, {"reviewers": None}, {"wait_timer": 5}])
def test_gated_fields_are_refused_by_their_mere_presence(plan: str, field: dict[str, Any]) -> None:
    answer = client(plan=plan).put(ENVIRONMENT, json=field)
    assert answer.status_code == 422
    assert answer.json()["message"] == (
        "Failed to create the environment protection rule. "
        "Please ensure the billing plan supports the required reviewers protection rule."
    )


def test_a_branch_policy_is_offered_to_teams() -> None:
    policy = {"protected_branches": False, "custom_branch_policies": True}
    answer = client(plan="team").put(ENVIRONMENT, json={"deployment_branch_policy": policy})
    assert answer.status_code == 200
    assert answer.json()["deployment_branch_policy"] == policy


def test_free_private_repositories_have_neither_environments_nor_rulesets() -> None:
    api = client(plan="free")
    assert api.put(ENVIRONMENT, json={}).status_code == 404
    answer = api.get(f"{REPO}/rulesets")
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("Upgrade to GitHub Pro")


def test_public_repositories_have_all_of_it_on_every_plan() -> None:
    api = client(plan="free", private=False)
    body = {"reviewers": [{"type": "Team", "id": 3001}], "wait_timer": 5}
    assert api.put(ENVIRONMENT, json=body).status_code == 200
    assert api.get(f"{REPO}/rulesets").json() == []
    on = {"security_and_analysis": {"secret_scanning": {"status": "enabled"}}}
    assert api.patch(REPO, json=on).status_code == 200


def test_secret_scanning_needs_its_plan() -> None:
    on = {"security_and_analysis": {"secret_scanning": {"status": "enabled"}}}
    answer = client(plan="team").patch(REPO, json=on)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Secret scanning is not available for this repository."
    enterprise = client(plan="enterprise")
    answer = enterprise.patch(REPO, json=on)
    assert answer.json()["security_and_analysis"]["secret_scanning"] == {"status": "enabled"}
    bad = {"security_and_analysis": {"secret_scanning": {"status": "maybe"}}}
    assert enterprise.patch(REPO, json=bad).status_code == 422


def test_an_unknown_plan_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"github\.plan: 'gold'"):
        client(plan="gold")


# Environments


@pytest.mark.parametrize(
    "body",
    [
        {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
        {"deployment_branch_policy": {"protected_branches": True}},
        {"prevent_self_review": True},
        {"reviewers": [{"type": "User", "id": 99}]},
        {"reviewers": [{"type": "Team", "id": 99}]},
        {"reviewers": [{"type": "User", "id": 1002}] * 7},
        {"wait_timer": 43_201},
    ],
)
def test_bad_environments_are_refused(api: httpx.Client, body: dict[str, Any]) -> None:
    assert api.put(ENVIRONMENT, json=body).status_code == 422
    assert api.get(ENVIRONMENT).status_code == 404


def test_what_a_second_put_leaves_out_goes_back_to_its_default(api: httpx.Client) -> None:
    api.put(ENVIRONMENT, json={"wait_timer": 5, "can_admins_bypass": False})
    second = api.put(ENVIRONMENT, json={}).json()
    assert second["protection_rules"] == []
    assert second["can_admins_bypass"] is True


def test_branch_policies_need_custom_policies_and_are_not_doubled(api: httpx.Client) -> None:
    policies = f"{ENVIRONMENT}/deployment-branch-policies"
    api.put(ENVIRONMENT, json={})
    assert api.post(policies, json={"name": "main"}).status_code == 404
    custom = {"protected_branches": False, "custom_branch_policies": True}
    api.put(ENVIRONMENT, json={"deployment_branch_policy": custom})
    assert api.post(policies, json={}).status_code == 422
    assert api.post(policies, json={"name": "v*", "type": "x"}).status_code == 422
    made = api.post(policies, json={"name": "main"}).json()
    assert made["type"] == "branch"
    double = api.post(policies, json={"name": "main"}, follow_redirects=False)
    assert double.status_code == 303
    assert double.headers["Location"].endswith(f"/{made['id']}")
    api.put(f"{policies}/{made['id']}", json={"name": "release/*"})
    assert api.get(f"{policies}/{made['id']}").json()["name"] == "release/*"
    assert api.get(policies).json()["total_count"] == 1
    assert api.delete(f"{policies}/{made['id']}").status_code == 204
    assert api.get(f"{policies}/{made['id']}").status_code == 404


def test_an_environment_takes_all_it_holds_with_it(api: httpx.Client) -> None:
    api.put(ENVIRONMENT, json={})
    api.put(f"{ENVIRONMENT}/secrets/A", json=sealed(api, ENVIRONMENT, "x"))
    api.post(f"{ENVIRONMENT}/variables", json={"name": "B", "value": "y"})
    assert api.delete(ENVIRONMENT).status_code == 204
    api.put(ENVIRONMENT, json={})
    assert api.get(f"{ENVIRONMENT}/secrets").json()["secrets"] == []
    assert api.get(f"{ENVIRONMENT}/variables").json()["variables"] == []


# Secrets and variables


def test_a_secret_is_also_found_by_the_repositorys_number(api: httpx.Client) -> None:
    api.put(ENVIRONMENT, json={})
    number = api.get(REPO).json()["id"]
    base = f"/repositories/{number}/environments/production"
    answer = api.put(f"{base}/secrets/host", json=sealed(api, base, "198.51.100.10"))
    assert answer.status_code == 201
    shown = api.get(f"{ENVIRONMENT}/secrets/HOST").json()
    assert set(shown) == {"name", "created_at", "updated_at"}
    again = api.put(f"{base}/secrets/HOST", json=sealed(api, base, "198.51.100.11"))
    assert again.status_code == 204


def test_what_is_not_sealed_for_the_key_is_refused(api: httpx.Client) -> None:
    base = f"{REPO}/actions"
    good = sealed(api, base, "x")
    other = SealedBox(PrivateKey.generate().public_key).encrypt(b"x")
    for change in (
        {"key_id": "1"},
        {"encrypted_value": "not base64"},
        {"encrypted_value": base64.b64encode(b"plain").decode()},
        {"encrypted_value": base64.b64encode(other).decode()},
        {"encrypted_value": None},
    ):
        assert api.put(f"{base}/secrets/A", json={**good, **change}).status_code == 422
    assert api.get(f"{base}/secrets/A").status_code == 404


def test_a_secret_holds_48_kilobytes(api: httpx.Client) -> None:
    base = f"{REPO}/actions"
    most = 48 * 1024
    assert api.put(f"{base}/secrets/A", json=sealed(api, base, "x" * most)).status_code == 201
    assert api.put(f"{base}/secrets/B", json=sealed(api, base, "x" * (most + 1))).status_code == 422


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "github_x", "1A", "A-B"])
def test_reserved_and_malformed_names_are_refused(api: httpx.Client, name: str) -> None:
    base = f"{REPO}/actions"
    assert api.put(f"{base}/secrets/{name}", json=sealed(api, base, "x")).status_code == 422
    body = {"name": name, "value": "x"}
    assert api.post(f"{base}/variables", json=body).status_code == 422


def test_an_environment_holds_a_hundred_variables(api: httpx.Client) -> None:
    api.put(ENVIRONMENT, json={})
    for index in range(100):
        body = {"name": f"V{index}", "value": "x"}
        assert api.post(f"{ENVIRONMENT}/variables", json=body).status_code == 201
    one_more = api.post(f"{ENVIRONMENT}/variables", json={"name": "MORE", "value": "x"})
    assert one_more.status_code == 422


def test_a_variable_can_be_renamed_but_not_over_another(api: httpx.Client) -> None:
    base = f"{REPO}/actions/variables"
    for name in ("A", "B"):
        api.post(base, json={"name": name, "value": name})
    assert api.patch(f"{base}/A", json={"name": "B"}).status_code == 409
    assert api.patch(f"{base}/A", json={"name": "C"}).status_code == 204
    assert api.get(f"{base}/C").json()["value"] == "A"
    assert api.get(f"{base}/A").status_code == 404


# State


def test_a_restart_keeps_everything_and_the_secrets_sealed(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    api = client(path)
    base = f"{REPO}/actions"
    api.put(f"{base}/secrets/A", json=sealed(api, base, "very secret"))
    assert "very secret" not in path.read_text()
    app = create_app(path, tokens=["t"], seed={"repository": "monorepo"})
    assert served(app).get(f"{base}/secrets/A").status_code == 200
    assert reveal(app.state.cloud, "monorepo", "A") == "very secret"


def test_another_seed_changes_the_plan_of_an_existing_state(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert client(path, plan="team").put(ENVIRONMENT, json={"wait_timer": 1}).status_code == 422
    api = client(path, plan="enterprise")
    assert api.put(ENVIRONMENT, json={"wait_timer": 1}).status_code == 200


def test_several_repositories_can_be_seeded() -> None:
    api = client(repositories=["one", "two"], owner="mana")
    for name in ("monorepo", "one", "two"):
        assert api.get(f"/repos/Mana/{name.upper()}").json()["full_name"] == f"mana/{name}"


def test_archived_repositories_are_read_only(api: httpx.Client) -> None:
    api.patch(REPO, json={"archived": True})
    assert api.put(f"{REPO}/vulnerability-alerts").status_code == 403


def test_branches_are_listed_and_unprotected(api: httpx.Client) -> None:
    assert [b["name"] for b in api.get(f"{REPO}/branches").json()] == ["main"]
    assert api.get(f"{REPO}/branches/main").json()["name"] == "main"
    assert api.get(f"{REPO}/branches/x").json()["message"] == "Branch not found"
    protection = api.get(f"{REPO}/branches/main/protection")
    assert protection.json()["message"] == "Branch not protected"
