"""Repositories: their settings, branches and security services."""

from __future__ import annotations

from typing import Any, cast

from fastapi import APIRouter, Request, Response

from localcloud.emulators.github.accounts import account_json
from localcloud.emulators.github.cloud import Cloud, node_id
from localcloud.emulators.github.errors import UPGRADE, ApiError, invalid, not_found
from localcloud.emulators.github.web import Body, CloudOf, Repository, page, repository_url
from localcloud.emulators.store import Row

router = APIRouter()

_SCANNING = ("secret_scanning", "secret_scanning_push_protection")
_ANALYSIS = (*_SCANNING, "dependabot_security_updates", "advanced_security")


@router.get("/repos/{owner}/{repo}")
def read(request: Request, repository: Repository, cloud: CloudOf) -> dict[str, Any]:
    """A repository."""
    return repository_json(request, cloud, repository)


@router.get("/repositories/{number}")
def read_by_id(number: int, request: Request, cloud: CloudOf) -> dict[str, Any]:
    """A repository by its number."""
    return repository_json(request, cloud, cloud.repository_by_id(number))


@router.patch("/repos/{owner}/{repo}")
def change(request: Request, repository: Repository, cloud: CloudOf, body: Body) -> dict[str, Any]:
    """Change settings; those that the emulator does not know are taken and forgotten."""
    with cloud.store.transaction():
        if "security_and_analysis" in body:
            _analyse(cloud, repository, body["security_and_analysis"] or {})
        for key in ("private", "archived", "default_branch"):
            if key in body:
                repository[key] = body[key]
        if "visibility" in body:
            repository["private"] = body["visibility"] != "public"
        repository["updated_at"] = cloud.now()
        return repository_json(request, cloud, repository)


def _analyse(cloud: Cloud, repository: Row, wanted: object) -> None:
    if not isinstance(wanted, dict):
        raise invalid("security_and_analysis must be an object")
    settings = cast("dict[str, dict[str, str]]", wanted)
    for service, setting in settings.items():
        status = setting.get("status")
        if service not in _ANALYSIS or status not in ("enabled", "disabled"):
            raise invalid(f"security_and_analysis.{service} is not valid")
        unavailable = service in _SCANNING and not cloud.offers("secret scanning", repository)
        if unavailable and status == "enabled":
            raise ApiError(422, "Secret scanning is not available for this repository.")
        repository["security_and_analysis"][service] = {"status": status}


@router.get("/repos/{owner}/{repo}/branches")
def branches(
    request: Request, response: Response, repository: Repository, cloud: CloudOf
) -> list[Any]:
    """The branches."""
    rows = [_branch_json(request, cloud, repository, name) for name in repository["branches"]]
    return page(request, response, rows)


@router.get("/repos/{owner}/{repo}/branches/{branch:path}/protection")
def protection(branch: str, repository: Repository, cloud: CloudOf) -> dict[str, Any]:
    """The older form of protection, which nothing here sets: rulesets are used instead."""
    if not cloud.offers("rulesets", repository):
        raise ApiError(403, UPGRADE)
    if branch not in repository["branches"]:
        raise ApiError(404, "Branch not found")
    raise ApiError(404, "Branch not protected")


@router.get("/repos/{owner}/{repo}/branches/{branch:path}")
def branch_by_name(
    branch: str, request: Request, repository: Repository, cloud: CloudOf
) -> dict[str, Any]:
    """A branch."""
    if branch not in repository["branches"]:
        raise ApiError(404, "Branch not found")
    return _branch_json(request, cloud, repository, branch)


@router.get("/repos/{owner}/{repo}/vulnerability-alerts", status_code=204)
def alerts(repository: Repository) -> None:
    """204 when Dependabot alerts are on, 404 when they are off."""
    if not repository["vulnerability_alerts"]:
        raise not_found()


@router.put("/repos/{owner}/{repo}/vulnerability-alerts", status_code=204)
def enable_alerts(repository: Repository, cloud: CloudOf) -> None:
    """Switch Dependabot alerts on."""
    _refuse_archived(repository)
    with cloud.store.transaction():
        repository["vulnerability_alerts"] = True


@router.delete("/repos/{owner}/{repo}/vulnerability-alerts", status_code=204)
def disable_alerts(repository: Repository, cloud: CloudOf) -> None:
    """Switch Dependabot alerts off, and with them its updates."""
    _refuse_archived(repository)
    with cloud.store.transaction():
        repository["vulnerability_alerts"] = False
        _set_fixes(repository, enabled=False)


@router.get("/repos/{owner}/{repo}/automated-security-fixes")
def fixes(repository: Repository) -> dict[str, bool]:
    """Whether Dependabot opens pull requests for vulnerable dependencies."""
    return {"enabled": repository["automated_security_fixes"], "paused": False}


@router.put("/repos/{owner}/{repo}/automated-security-fixes", status_code=204)
def enable_fixes(repository: Repository, cloud: CloudOf) -> None:
    """Switch Dependabot's security updates on; its alerts must be on."""
    _refuse_archived(repository)
    if not repository["vulnerability_alerts"]:
        raise ApiError(
            422, "Vulnerability alerts must be enabled to configure automated security fixes."
        )
    with cloud.store.transaction():
        _set_fixes(repository, enabled=True)


@router.delete("/repos/{owner}/{repo}/automated-security-fixes", status_code=204)
def disable_fixes(repository: Repository, cloud: CloudOf) -> None:
    """Switch Dependabot's security updates off."""
    _refuse_archived(repository)
    with cloud.store.transaction():
        _set_fixes(repository, enabled=False)


def _set_fixes(repository: Row, *, enabled: bool) -> None:
    repository["automated_security_fixes"] = enabled
    status = "enabled" if enabled else "disabled"
    repository["security_and_analysis"]["dependabot_security_updates"] = {"status": status}


def _refuse_archived(repository: Row) -> None:
    if repository["archived"]:
        raise ApiError(403, "Repository was archived so is read-only.")


def repository_json(request: Request, cloud: Cloud, row: Row) -> dict[str, Any]:
    """A repository as GitHub shows it to its administrator."""
    return {
        "id": row["id"],
        "node_id": node_id("R", row["id"]),
        "name": row["name"],
        "full_name": f"{cloud.owner}/{row['name']}",
        "private": row["private"],
        "visibility": "private" if row["private"] else "public",
        "owner": account_json(request, cloud.account(cloud.owner)),
        "url": repository_url(request, cloud, row),
        "html_url": f"https://github.com/{cloud.owner}/{row['name']}",
        "default_branch": row["default_branch"],
        "archived": row["archived"],
        "disabled": False,
        "fork": False,
        "security_and_analysis": row["security_and_analysis"],
        "permissions": {
            "admin": True,
            "maintain": True,
            "push": True,
            "triage": True,
            "pull": True,
        },
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "pushed_at": row["created_at"],
    }


def _branch_json(request: Request, cloud: Cloud, repository: Row, name: str) -> dict[str, Any]:
    url = f"{repository_url(request, cloud, repository)}/branches/{name}"
    return {"name": name, "protected": False, "commit": {"sha": "0" * 40, "url": url}}
