"""Users, organizations, teams, and the rate limit."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from localcloud.emulators.github.cloud import node_id
from localcloud.emulators.github.errors import not_found
from localcloud.emulators.github.web import CloudOf, page, root
from localcloud.emulators.store import Row

router = APIRouter()


@router.get("/user")
def authenticated_user(request: Request, cloud: CloudOf) -> dict[str, Any]:
    """The user that the token belongs to."""
    return account_json(request, cloud.account(cloud.login))


@router.get("/users/{login}")
def user(login: str, request: Request, cloud: CloudOf) -> dict[str, Any]:
    """A user or an organization, as both have a profile."""
    return account_json(request, cloud.account(login))


@router.get("/user/{number}")
def user_by_id(number: int, request: Request, cloud: CloudOf) -> dict[str, Any]:
    """A user or an organization by its number."""
    row = cloud.account_by_id(number)
    if row is None:
        raise not_found()
    return account_json(request, row)


@router.get("/orgs/{login}")
def organization(login: str, request: Request, cloud: CloudOf) -> dict[str, Any]:
    """An organization; a user's login is not found here."""
    row = cloud.account(login)
    if row["type"] != "Organization":
        raise not_found()
    plan = {"name": cloud.plan, "space": 976_562_499, "private_repos": 999_999}
    url = f"{root(request)}/orgs/{row['login']}"
    return {**account_json(request, row), "url": url, "plan": plan}


@router.get("/orgs/{login}/teams")
def teams(login: str, request: Request, response: Response, cloud: CloudOf) -> list[Any]:
    """The teams of an organization."""
    organization(login, request, cloud)
    return page(request, response, [team_json(request, row) for row in cloud.teams()])


@router.get("/orgs/{login}/teams/{slug}")
def team(login: str, slug: str, request: Request, cloud: CloudOf) -> dict[str, Any]:
    """A team by its slug."""
    organization(login, request, cloud)
    row = next((row for row in cloud.teams() if row["slug"] == slug.lower()), None)
    if row is None:
        raise not_found()
    return team_json(request, row)


def account_json(request: Request, row: Row) -> dict[str, Any]:
    """A user or organization as GitHub shows it."""
    kind = "O" if row["type"] == "Organization" else "U"
    return {
        "login": row["login"],
        "id": row["id"],
        "node_id": node_id(kind, row["id"]),
        "url": f"{root(request)}/users/{row['login']}",
        "html_url": f"https://github.com/{row['login']}",
        "type": row["type"],
        "site_admin": False,
        "name": row["login"],
    }


def team_json(request: Request, row: Row) -> dict[str, Any]:
    """A team as GitHub shows it."""
    return {
        "id": row["id"],
        "node_id": node_id("T", row["id"]),
        "name": row["name"],
        "slug": row["slug"],
        "url": f"{root(request)}/teams/{row['id']}",
        "privacy": "closed",
        "permission": "pull",
        "notification_setting": "notifications_enabled",
    }
