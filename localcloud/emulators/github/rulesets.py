"""Repository rulesets."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from localcloud.emulators.github.cloud import Cloud, node_id
from localcloud.emulators.github.errors import UPGRADE, ApiError, not_found
from localcloud.emulators.github.rules import check_ruleset, complete_rules
from localcloud.emulators.github.web import Body, CloudOf, Repository, page, repository_url
from localcloud.emulators.store import Row

router = APIRouter()
_RULESETS = "/repos/{owner}/{repo}/rulesets"
_FIELDS = ("name", "target", "enforcement", "bypass_actors", "conditions", "rules")


@router.get(_RULESETS)
def listing(
    request: Request, response: Response, repository: Repository, cloud: CloudOf
) -> list[Any]:
    """The rulesets of a repository, without their rules."""
    _refuse_plan(cloud, repository)
    rows = [_json(request, cloud, repository, row) for row in _all(cloud, repository)]
    for row in rows:
        for key in ("rules", "conditions", "bypass_actors"):
            del row[key]
    return page(request, response, rows)


@router.post(_RULESETS, status_code=201)
def create(request: Request, repository: Repository, cloud: CloudOf, body: Body) -> dict[str, Any]:
    """Create a ruleset."""
    _refuse_plan(cloud, repository)
    with cloud.store.transaction() as tables:
        check_ruleset(body, partial=False, enterprise=cloud.plan == "enterprise")
        _refuse_double(cloud, repository, body["name"], None)
        number = cloud.store.next_id("rulesets", 900_001)
        row: Row = {
            "id": number,
            "repository": repository["id"],
            "target": "branch",
            "bypass_actors": [],
            "conditions": None,
            "rules": [],
            "created_at": cloud.now(),
            "updated_at": cloud.now(),
        }
        _apply(row, body)
        tables["rulesets"][str(number)] = row
        return _json(request, cloud, repository, row)


@router.get(_RULESETS + "/{number}")
def read(number: int, request: Request, repository: Repository, cloud: CloudOf) -> dict[str, Any]:
    """A ruleset."""
    _refuse_plan(cloud, repository)
    return _json(request, cloud, repository, _one(cloud, repository, number))


@router.put(_RULESETS + "/{number}")
def change(
    number: int, request: Request, repository: Repository, cloud: CloudOf, body: Body
) -> dict[str, Any]:
    """Change what the body names; the rest stays."""
    _refuse_plan(cloud, repository)
    with cloud.store.transaction():
        row = _one(cloud, repository, number)
        check_ruleset(body, partial=True, enterprise=cloud.plan == "enterprise")
        _refuse_double(cloud, repository, body.get("name", row["name"]), number)
        _apply(row, body)
        row["updated_at"] = cloud.now(row["updated_at"])
        return _json(request, cloud, repository, row)


@router.delete(_RULESETS + "/{number}", status_code=204)
def remove(number: int, repository: Repository, cloud: CloudOf) -> None:
    """Delete a ruleset."""
    _refuse_plan(cloud, repository)
    with cloud.store.transaction() as tables:
        _one(cloud, repository, number)
        del tables["rulesets"][str(number)]


def _refuse_plan(cloud: Cloud, repository: Row) -> None:
    if not cloud.offers("rulesets", repository):
        raise ApiError(403, UPGRADE)


def _refuse_double(cloud: Cloud, repository: Row, name: str, number: int | None) -> None:
    others = (row for row in _all(cloud, repository) if row["id"] != number)
    if any(row["name"] == name for row in others):
        raise ApiError(422, "Validation Failed", errors=["Name must be unique"])


def _apply(row: Row, body: Row) -> None:
    for field in _FIELDS:
        if field in body:
            row[field] = body[field]
    row["rules"] = complete_rules(row["rules"] or [])


def _all(cloud: Cloud, repository: Row) -> list[Row]:
    with cloud.store.reading() as tables:
        rows = tables["rulesets"].values()
        return [row for row in rows if row["repository"] == repository["id"]]


def _one(cloud: Cloud, repository: Row, number: int) -> Row:
    row = next((row for row in _all(cloud, repository) if row["id"] == number), None)
    if row is None:
        raise not_found()
    return row


def _json(request: Request, cloud: Cloud, repository: Row, row: Row) -> dict[str, Any]:
    full_name = f"{cloud.owner}/{repository['name']}"
    url = f"{repository_url(request, cloud, repository)}/rulesets/{row['id']}"
    html = f"https://github.com/{full_name}/rules/{row['id']}"
    return {
        "id": row["id"],
        "name": row["name"],
        "target": row["target"],
        "source_type": "Repository",
        "source": full_name,
        "enforcement": row["enforcement"],
        "bypass_actors": row["bypass_actors"],
        "current_user_can_bypass": "never",
        "conditions": row["conditions"],
        "rules": row["rules"],
        "node_id": node_id("RRS", row["id"]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "_links": {"self": {"href": url}, "html": {"href": html}},
    }
