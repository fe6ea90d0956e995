"""Actions secrets and variables, of repositories and of environments.

GitHub serves these of an environment under two addresses: the repository's full name, and its
number (`/repositories/500001/environments/...`), which older clients use.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from localcloud.emulators.github.cloud import Cloud
from localcloud.emulators.github.environments import find, scope_of
from localcloud.emulators.github.errors import UPGRADE, ApiError, invalid, missing, not_found
from localcloud.emulators.github.web import Body, CloudOf, counted
from localcloud.emulators.store import Row

_NAME = re.compile(r"^[A-Z_][A-Z0-9_]*$")
_LIMIT = 100
_MAX_BYTES = 48 * 1024
_EXISTS = "Already exists - Variable already exists"


@dataclass(frozen=True)
class Scope:
    """A repository or one of its environments."""

    key: str
    variables_limit: int

    def row_key(self, name: str) -> str:
        """Where the value of a name is kept; GitHub knows names in upper case."""
        return f"{self.key}/{name.upper()}"


def _scope(request: Request, cloud: CloudOf) -> Scope:
    """What the path names, by full name or by number."""
    named = request.path_params
    if "number" in named:
        repository = cloud.repository_by_id(int(named["number"]))
    else:
        repository = cloud.repository(named["owner"], named["repo"])
    if "environment" not in named:
        return Scope(scope_of(repository, None), 500)
    if not cloud.offers("environment secrets", repository):
        raise ApiError(403, UPGRADE)
    environment = find(cloud, repository, named["environment"])
    return Scope(scope_of(repository, environment), _LIMIT)


InScope = Annotated[Scope, Depends(_scope)]
endpoints = APIRouter()


@endpoints.get("/secrets/public-key")
def public_key(where: InScope, cloud: CloudOf) -> dict[str, str]:
    """The key that secrets have to be sealed for."""
    pair = cloud.key_pair(where.key)
    return {"key_id": pair["key_id"], "key": pair["key"]}


@endpoints.get("/secrets")
def secrets(request: Request, response: Response, where: InScope, cloud: CloudOf) -> dict[str, Any]:
    """The names and times of the secrets."""
    return counted(request, response, "secrets", _shown(cloud, "secrets", where))


@endpoints.get("/secrets/{name}")
def secret(name: str, where: InScope, cloud: CloudOf) -> dict[str, Any]:
    """The name and times of a secret."""
    return _open(_row(cloud, "secrets", where, name))


@endpoints.put("/secrets/{name}")
def seal(name: str, where: InScope, cloud: CloudOf, body: Body) -> Response:
    """Write a secret: 201 when it is new, 204 when it was there."""
    _check_name(name)
    if _write(
        cloud, _Entry("secrets", where, name, _LIMIT), {"sealed": _sealed(cloud, where, body)}
    ):
        return Response("{}", status_code=201, media_type="application/json")
    return Response(status_code=204)


@endpoints.delete("/secrets/{name}", status_code=204)
def forget(name: str, where: InScope, cloud: CloudOf) -> None:
    """Delete a secret."""
    _remove(cloud, "secrets", where, name)


@endpoints.get("/variables")
def variables(
    request: Request, response: Response, where: InScope, cloud: CloudOf
) -> dict[str, Any]:
    """The variables."""
    return counted(request, response, "variables", _shown(cloud, "variables", where))


@endpoints.get("/variables/{name}")
def variable(name: str, where: InScope, cloud: CloudOf) -> dict[str, Any]:
    """A variable."""
    return _open(_row(cloud, "variables", where, name))


@endpoints.post("/variables", status_code=201)
def add(where: InScope, cloud: CloudOf, body: Body) -> dict[str, Any]:
    """Create a variable."""
    name, value = _text(body, "name"), _text(body, "value")
    _check_name(name)
    with cloud.store.transaction() as tables:
        if where.row_key(name) in tables["variables"]:
            raise ApiError(409, _EXISTS)
        entry = _Entry("variables", where, name, where.variables_limit)
        _write(cloud, entry, {"value": value})
    return {}


@endpoints.patch("/variables/{name}", status_code=204)
def change(name: str, where: InScope, cloud: CloudOf, body: Body) -> None:
    """Change a variable's value, or its name."""
    with cloud.store.transaction() as tables:
        row = _row(cloud, "variables", where, name)
        wanted = str(body.get("name") or row["name"]).upper()
        _check_name(wanted)
        value = _text(body, "value") if "value" in body else row["value"]
        if wanted != row["name"] and where.row_key(wanted) in tables["variables"]:
            raise ApiError(409, _EXISTS)
        del tables["variables"][where.row_key(row["name"])]
        row.update(name=wanted, value=value, updated_at=cloud.now(row["updated_at"]))
        tables["variables"][where.row_key(wanted)] = row


@endpoints.delete("/variables/{name}", status_code=204)
def drop(name: str, where: InScope, cloud: CloudOf) -> None:
    """Delete a variable."""
    _remove(cloud, "variables", where, name)


_ENVIRONMENT = "/environments/{environment}"
router = APIRouter()
for _prefix in (
    "/repos/{owner}/{repo}/actions",
    "/repos/{owner}/{repo}" + _ENVIRONMENT,
    "/repositories/{number}" + _ENVIRONMENT,
):
    router.include_router(endpoints, prefix=_prefix)


def reveal(cloud: Cloud, repository: str, name: str, environment: str | None = None) -> str:
    """The plain value of a secret, for tests: no endpoint gives it away."""
    row = cloud.repository(cloud.owner, repository)
    inside = find(cloud, row, environment) if environment else None
    where = Scope(scope_of(row, inside), _LIMIT)
    return _unseal(cloud, where, _row(cloud, "secrets", where, name)["sealed"]).decode()


def _sealed(cloud: Cloud, where: Scope, body: Row) -> str:
    sealed = _text(body, "encrypted_value")
    if _text(body, "key_id") != cloud.key_pair(where.key)["key_id"]:
        raise ApiError(422, "key_id is not the id of the public key; get it and encrypt again")
    if len(_unseal(cloud, where, sealed)) > _MAX_BYTES:
        raise ApiError(422, "The secret's value is over 48 KB")
    return sealed


def _unseal(cloud: Cloud, where: Scope, sealed: str) -> bytes:
    private = PrivateKey(base64.b64decode(cloud.key_pair(where.key)["private"]))
    try:
        return SealedBox(private).decrypt(base64.b64decode(sealed, validate=True))
    except (CryptoError, binascii.Error, ValueError) as error:
        raise ApiError(422, "Bad request - encrypted_value is not sealed for the key") from error


def _text(body: Row, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str):
        raise invalid(missing("ActionsValue", field))
    return value


def _check_name(name: str) -> None:
    if not _NAME.match(name.upper()):
        raise ApiError(
            422,
            "Name can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores "
            "(_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores "
            "(_).",
        )
    if name.upper().startswith("GITHUB_"):
        raise ApiError(422, "Name must not start with GITHUB_.")


@dataclass(frozen=True)
class _Entry:
    """Which value is written, and how many of its kind there may be."""

    table: str
    where: Scope
    name: str
    limit: int


def _write(cloud: Cloud, entry: _Entry, content: Row) -> bool:
    """Write a value; whether it is a new one."""
    with cloud.store.transaction() as tables:
        rows, key = tables[entry.table], entry.where.row_key(entry.name)
        old = rows.get(key)
        if old is None and len(_rows(cloud, entry.table, entry.where)) >= entry.limit:
            raise ApiError(422, f"The limit of {entry.limit} {entry.table} is reached")
        updated = cloud.now(old["updated_at"] if old else None)
        created = old["created_at"] if old else updated
        times = {"created_at": created, "updated_at": updated}
        rows[key] = {"name": entry.name.upper(), **content, **times}
        return old is None


def _rows(cloud: Cloud, table: str, where: Scope) -> list[Row]:
    with cloud.store.reading() as tables:
        rows = tables[table].items()
        return [row for key, row in rows if key.startswith(f"{where.key}/")]


def _row(cloud: Cloud, table: str, where: Scope, name: str) -> Row:
    with cloud.store.reading() as tables:
        row = tables[table].get(where.row_key(name))
    if row is None:
        raise not_found()
    return row


def _remove(cloud: Cloud, table: str, where: Scope, name: str) -> None:
    with cloud.store.transaction() as tables:
        _row(cloud, table, where, name)
        del tables[table][where.row_key(name)]


def _shown(cloud: Cloud, table: str, where: Scope) -> list[Row]:
    return sorted((_open(row) for row in _rows(cloud, table, where)), key=lambda row: row["name"])


def _open(row: Row) -> Row:
    """What an endpoint shows of a row: all but what is sealed."""
    return {key: value for key, value in row.items() if key != "sealed"}
