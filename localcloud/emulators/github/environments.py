"""Deployment environments and their branch policies."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from localcloud.emulators.github.accounts import account_json, team_json
from localcloud.emulators.github.cloud import Cloud, node_id
from localcloud.emulators.github.errors import ApiError, invalid, missing, not_found
from localcloud.emulators.github.web import (
    Body,
    CloudOf,
    Repository,
    counted,
    repository_url,
)
from localcloud.emulators.store import Row

router = APIRouter()
_ENVIRONMENTS = "/repos/{owner}/{repo}/environments"
_POLICIES = _ENVIRONMENTS + "/{environment}/deployment-branch-policies"
_DOCS = "https://docs.github.com/rest/deployments/environments#create-or-update-an-environment"
_GATED = ("wait_timer", "reviewers", "prevent_self_review")
_MAX_REVIEWERS = 6


def find(cloud: Cloud, repository: Row, name: str) -> Row:
    """An environment of a repository, by its name in any case; 404 when there is none."""
    with cloud.store.reading() as tables:
        row = tables["environments"].get(_key(repository, name))
    if row is None:
        raise not_found()
    return row


def _named(environment: str, repository: Repository, cloud: CloudOf) -> Row:
    return find(cloud, repository, environment)


Environment = Annotated[Row, Depends(_named)]


@router.get(_ENVIRONMENTS)
def listing(
    request: Request, response: Response, repository: Repository, cloud: CloudOf
) -> dict[str, Any]:
    """The environments of a repository."""
    with cloud.store.reading() as tables:
        rows = [r for r in tables["environments"].values() if r["repository"] == repository["id"]]
    shown = [_json(request, cloud, repository, row) for row in rows]
    return counted(request, response, "environments", shown)


@router.get(_ENVIRONMENTS + "/{environment}")
def read(
    request: Request, repository: Repository, environment: Environment, cloud: CloudOf
) -> dict[str, Any]:
    """An environment."""
    return _json(request, cloud, repository, environment)


@router.put(_ENVIRONMENTS + "/{environment}")
def write(
    environment: str, request: Request, repository: Repository, cloud: CloudOf, body: Body
) -> dict[str, Any]:
    """Create or replace an environment: what is left out goes back to its default."""
    if repository["private"] and cloud.plan == "free":
        raise not_found()  # private repositories have no environments on GitHub Free
    if not cloud.offers("required reviewers", repository) and any(key in body for key in _GATED):
        # The mere presence counts, a default too: clients have to leave these fields out.
        raise _refused("Please ensure the billing plan supports the required reviewers protection")
    settings = _settings(cloud, body)
    with cloud.store.transaction() as tables:
        key = _key(repository, environment)
        old = tables["environments"].get(key)
        made = old or {
            "id": cloud.store.next_id("environments", 160_000_001),
            "name": environment,
            "repository": repository["id"],
            "created_at": cloud.now(),
        }
        row = {**made, **settings, "updated_at": cloud.now()}
        tables["environments"][key] = row
        if not _custom(row):
            _forget_policies(cloud, row)
        return _json(request, cloud, repository, row)


@router.delete(_ENVIRONMENTS + "/{environment}", status_code=204)
def remove(repository: Repository, environment: Environment, cloud: CloudOf) -> None:
    """Delete an environment with its policies, secrets and variables."""
    with cloud.store.transaction() as tables:
        del tables["environments"][_key(repository, environment["name"])]
        _forget_policies(cloud, environment)
        scope = scope_of(repository, environment)
        tables["keys"].pop(scope, None)
        for table in ("secrets", "variables"):
            for key in [key for key in tables[table] if key.startswith(f"{scope}/")]:
                del tables[table][key]


@router.get(_POLICIES)
def policies(
    request: Request, response: Response, environment: Environment, cloud: CloudOf
) -> dict[str, Any]:
    """The branch policies of an environment."""
    shown = [_policy_json(row) for row in _policies_of(cloud, environment)]
    return counted(request, response, "branch_policies", shown)


@router.post(_POLICIES)
def add_policy(request: Request, environment: Environment, cloud: CloudOf, body: Body) -> Response:
    """Let branches or tags of a name pattern deploy."""
    if not _custom(environment):
        raise not_found()
    name, kind = _pattern(body), body.get("type") or "branch"
    if kind not in ("branch", "tag"):
        raise invalid("type must be branch or tag")
    with cloud.store.transaction() as tables:
        for row in _policies_of(cloud, environment):
            if row["name"] == name and row["type"] == kind:
                return Response(status_code=303, headers={"Location": f"{request.url}/{row['id']}"})
        number = cloud.store.next_id("policies", 5_001)
        row = {"id": number, "environment": environment["id"], "name": name, "type": kind}
        tables["policies"][str(number)] = row
        return JSONResponse(_policy_json(row))


@router.get(_POLICIES + "/{number}")
def policy(number: int, environment: Environment, cloud: CloudOf) -> dict[str, Any]:
    """A branch policy."""
    return _policy_json(_policy(cloud, environment, number))


@router.put(_POLICIES + "/{number}")
def change_policy(
    number: int, environment: Environment, cloud: CloudOf, body: Body
) -> dict[str, Any]:
    """Change the pattern; the type stays."""
    name = _pattern(body)
    with cloud.store.transaction():
        row = _policy(cloud, environment, number)
        row["name"] = name
        return _policy_json(row)


@router.delete(_POLICIES + "/{number}", status_code=204)
def remove_policy(number: int, environment: Environment, cloud: CloudOf) -> None:
    """Delete a branch policy."""
    with cloud.store.transaction() as tables:
        _policy(cloud, environment, number)
        del tables["policies"][str(number)]


def scope_of(repository: Row, environment: Row | None) -> str:
    """Where secrets and variables live: the repository, or one environment of it."""
    return (
        str(repository["id"]) if environment is None else f"{repository['id']}:{environment['id']}"
    )


def _key(repository: Row, name: str) -> str:
    return f"{repository['id']}/{name.lower()}"


def _settings(cloud: Cloud, body: dict[str, Any]) -> Row:
    reviewers = _reviewers(cloud, body.get("reviewers") or [])
    alone = bool(body.get("prevent_self_review")) and not reviewers
    if alone:
        raise _refused(
            "Required reviewers must have at least one reviewer to set prevent_self_review"
        )
    wait = body.get("wait_timer") or 0
    if not isinstance(wait, int) or not 0 <= wait <= 43_200:
        raise invalid("wait_timer must be an integer between 0 and 43200")
    policy = body.get("deployment_branch_policy")
    if policy is not None:
        protected, custom = policy.get("protected_branches"), policy.get("custom_branch_policies")
        if not isinstance(protected, bool) or not isinstance(custom, bool) or protected == custom:
            raise invalid(
                "protected_branches and custom_branch_policies cannot have the same value"
            )
        policy = {"protected_branches": protected, "custom_branch_policies": custom}
    return {
        "wait_timer": wait,
        "reviewers": reviewers,
        "prevent_self_review": bool(body.get("prevent_self_review")),
        "can_admins_bypass": bool(body.get("can_admins_bypass", True)),
        "deployment_branch_policy": policy,
    }


def _reviewers(cloud: Cloud, wanted: object) -> list[Row]:
    entries = cast("list[dict[str, Any]]", wanted)
    if len(entries) > _MAX_REVIEWERS:
        raise invalid(f"reviewers: at most {_MAX_REVIEWERS} are allowed")
    teams = {row["id"] for row in cloud.teams()}
    for entry in entries:
        kind, number = entry.get("type"), entry.get("id")
        user = cloud.account_by_id(number) if kind == "User" and isinstance(number, int) else None
        is_user = user is not None and user["type"] == "User"
        if not is_user and not (kind == "Team" and number in teams):
            raise invalid(f"Could not resolve to a {kind} with the id {number} as a reviewer")
    return [{"type": entry["type"], "id": entry["id"]} for entry in entries]


def _refused(reason: str) -> ApiError:
    lead = "Failed to create the environment protection rule."
    rule = " rule" if reason.endswith("protection") else ""
    return ApiError(422, f"{lead} {reason}{rule}.", documentation_url=_DOCS)


def _custom(environment: Row) -> bool:
    policy: Row | None = environment["deployment_branch_policy"]
    return policy is not None and policy["custom_branch_policies"] is True


def _policies_of(cloud: Cloud, environment: Row) -> list[Row]:
    with cloud.store.reading() as tables:
        rows = tables["policies"].values()
        return [row for row in rows if row["environment"] == environment["id"]]


def _policy(cloud: Cloud, environment: Row, number: int) -> Row:
    row = next((r for r in _policies_of(cloud, environment) if r["id"] == number), None)
    if row is None:
        raise not_found()
    return row


def _forget_policies(cloud: Cloud, environment: Row) -> None:
    with cloud.store.transaction() as tables:
        for row in _policies_of(cloud, environment):
            del tables["policies"][str(row["id"])]


def _pattern(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid(missing("DeploymentBranchPolicy", "name"))
    return name


def _policy_json(row: Row) -> dict[str, Any]:
    number = row["id"]
    return {
        "id": number,
        "node_id": node_id("GBP", number),
        "name": row["name"],
        "type": row["type"],
    }


def _json(request: Request, cloud: Cloud, repository: Row, row: Row) -> dict[str, Any]:
    url = f"{repository_url(request, cloud, repository)}/environments/{row['name']}"
    return {
        "id": row["id"],
        "node_id": node_id("EN", row["id"]),
        "name": row["name"],
        "url": url,
        "html_url": f"https://github.com/{cloud.owner}/{repository['name']}/deployments",
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "can_admins_bypass": row["can_admins_bypass"],
        "protection_rules": _rules(request, cloud, row),
        "deployment_branch_policy": row["deployment_branch_policy"],
    }


def _rules(request: Request, cloud: Cloud, row: Row) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if row["wait_timer"]:
        rules.append({"type": "wait_timer", "wait_timer": row["wait_timer"]})
    if row["reviewers"]:
        rules.append(
            {
                "type": "required_reviewers",
                "prevent_self_review": row["prevent_self_review"],
                "reviewers": [_reviewer(request, cloud, entry) for entry in row["reviewers"]],
            }
        )
    if row["deployment_branch_policy"]:
        rules.append({"type": "branch_policy"})
    for offset, rule in enumerate(rules, start=1):
        number = row["id"] * 10 + offset
        rule.update(id=number, node_id=node_id("GA", number))
    return rules


def _reviewer(request: Request, cloud: Cloud, entry: Row) -> dict[str, Any]:
    if entry["type"] == "Team":
        team = next(row for row in cloud.teams() if row["id"] == entry["id"])
        return {"type": "Team", "reviewer": team_json(request, team)}
    user = cloud.account_by_id(entry["id"])
    return {"type": "User", "reviewer": account_json(request, user or {})}
