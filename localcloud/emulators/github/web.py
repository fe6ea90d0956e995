"""What the endpoints share of HTTP: dependencies, addresses, pages, conditional requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from localcloud.emulators.github.cloud import Cloud
from localcloud.emulators.github.errors import ApiError
from localcloud.emulators.store import Row

ENTERPRISE_ROOT = "/api/v3"
"""Where clients look for the API on any host but github.com."""
DEFAULT_PER_PAGE = 30
MAX_PER_PAGE = 100


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    try:
        value: object = json.loads(raw)
    except ValueError as error:
        raise ApiError(400, "Problems parsing JSON") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, "Body should be a JSON object")
    return cast("dict[str, Any]", value)


def _cloud(request: Request) -> Cloud:
    return cast("Cloud", request.app.state.cloud)


Body = Annotated[dict[str, Any], Depends(_body)]
CloudOf = Annotated[Cloud, Depends(_cloud)]


def _named(owner: str, repo: str, cloud: CloudOf) -> Row:
    return cloud.repository(owner, repo)


Repository = Annotated[Row, Depends(_named)]
"""The repository of the path; 404 when there is none."""


def root(request: Request) -> str:
    """The address that the client calls the API by, without a slash at its end."""
    prefix = ENTERPRISE_ROOT if request.url.path.startswith(f"{ENTERPRISE_ROOT}/") else ""
    return f"{request.url.scheme}://{request.url.netloc}{prefix}"


def repository_url(request: Request, cloud: Cloud, repository: Row) -> str:
    """The API's address of a repository."""
    return f"{root(request)}/repos/{cloud.owner}/{repository['name']}"


def page(request: Request, response: Response, items: Sequence[Any]) -> list[Any]:
    """The page that the query asks for; the others are named by the Link header."""
    size = _number(request, "per_page", DEFAULT_PER_PAGE, MAX_PER_PAGE)
    number = _number(request, "page", 1)
    last = max(1, -(-len(items) // size))
    wanted = {"first": 1, "prev": number - 1, "next": number + 1, "last": last}
    if number >= last:
        del wanted["next"], wanted["last"]
    if number == 1:
        del wanted["first"], wanted["prev"]
    links = [f'<{_page_url(request, n)}>; rel="{name}"' for name, n in wanted.items()]
    if links:
        response.headers["Link"] = ", ".join(links)
    return list(items[(number - 1) * size : number * size])


def counted(request: Request, response: Response, key: str, items: Sequence[Any]) -> dict[str, Any]:
    """A page in the form that tells the number of all items as well."""
    return {"total_count": len(items), key: page(request, response, items)}


def _number(request: Request, name: str, default: int, maximum: int | None = None) -> int:
    text = request.query_params.get(name, "")
    value = int(text) if text.isdigit() and int(text) > 0 else default
    return min(value, maximum) if maximum else value


def _page_url(request: Request, number: int) -> str:
    query = {**request.query_params, "page": str(number)}
    return f"{root(request).removesuffix(ENTERPRISE_ROOT)}{request.url.path}?{urlencode(query)}"


def etag(body: bytes) -> str:
    """The tag of a body, weak as GitHub's are."""
    return f'W/"{hashlib.sha256(body).hexdigest()}"'
