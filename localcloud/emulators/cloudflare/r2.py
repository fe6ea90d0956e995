"""R2: buckets, their life cycle and their locks.

Objects are behind S3: a server of another kind has each bucket as a folder, which is made and
removed here. R2 refuses to delete a bucket that holds objects, here it goes with them.
"""

# Handlers are used by their decorators only.
# pyright: reportUnusedFunction=false

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Header, Request

from localcloud.emulators.cloudflare.cloud import Cloud, JsonBody, json_object, timestamp
from localcloud.emulators.cloudflare.envelope import refuse, success
from localcloud.emulators.store import Row, Table

TABLE: Final = "r2_buckets"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_LOCATIONS: Final = ("apac", "eeur", "enam", "oc", "weur", "wnam")
_CLASSES: Final = ("Standard", "InfrequentAccess")
_JURISDICTIONS: Final = ("default", "eu", "fedramp")
_BORN_WITH: Final[dict[str, Any]] = {
    "id": "Default Multipart Abort Rule",
    "enabled": True,
    "conditions": {"prefix": ""},
    "abortMultipartUploadsTransition": {"condition": {"type": "Age", "maxAge": 604800}},
}
_TRANSITIONS: Final = (
    "abortMultipartUploadsTransition",
    "deleteObjectsTransition",
    "storageClassTransitions",
)
_MOST_RULES: Final = 1000

Jurisdiction = Annotated[str, Header(alias="cf-r2-jurisdiction")]


def router(cloud: Cloud) -> APIRouter:
    """The routes under `/accounts/{account_id}/r2/buckets`."""
    routes = APIRouter(prefix="/accounts/{account_id}/r2/buckets")
    with cloud.store.reading() as tables:
        for row in tables.get(TABLE, {}).values():
            _make_folder(cloud, row["name"])
    _bucket_routes(routes, cloud)
    _rule_routes(routes, cloud, "lifecycle", _checked_lifecycle)
    _rule_routes(routes, cloud, "lock", _checked_lock)
    return routes


def _bucket_routes(routes: APIRouter, cloud: Cloud) -> None:
    @routes.get("")
    def list_buckets(
        request: Request, account_id: str, jurisdiction: Jurisdiction = "default"
    ) -> dict[str, Any]:
        cloud.check_account(account_id)
        query = request.query_params
        with cloud.store.reading() as tables:
            rows = [r for r in tables.get(TABLE, {}).values() if r["jurisdiction"] == jurisdiction]
        names = sorted(row["name"] for row in rows if query.get("name_contains", "") in row["name"])
        after = query.get("cursor", query.get("start_after", ""))
        names = [name for name in names if name > after]
        size = int(query.get("per_page", "20"))
        by_name = {row["name"]: row for row in rows}
        chosen = names[:size]
        cursor = chosen[-1] if len(names) > size else ""
        shown = [_shown(by_name[name]) for name in chosen]
        return success({"buckets": shown}, {"cursor": cursor, "per_page": size})

    @routes.post("")
    def create(
        account_id: str,
        body: JsonBody = None,
        jurisdiction: Jurisdiction = "default",
    ) -> dict[str, Any]:
        cloud.check_account(account_id)
        row = _checked_bucket(json_object(body), jurisdiction)
        with cloud.store.transaction() as tables:
            key = _key(jurisdiction, row["name"])
            if key in tables[TABLE]:
                message = "The bucket you tried to create already exists, and you own it."
                raise refuse(409, 10004, message)
            tables[TABLE][key] = row
            _make_folder(cloud, row["name"])
        return success(_shown(row))

    @routes.get("/{name}")
    def get(account_id: str, name: str, jurisdiction: Jurisdiction = "default") -> dict[str, Any]:
        cloud.check_account(account_id)
        with cloud.store.reading() as tables:
            return success(_shown(_bucket(tables, jurisdiction, name)))

    @routes.patch("/{name}")
    def edit(
        account_id: str,
        name: str,
        jurisdiction: Jurisdiction = "default",
        storage_class: Annotated[str, Header(alias="cf-r2-storage-class")] = "",
    ) -> dict[str, Any]:
        cloud.check_account(account_id)
        if storage_class not in _CLASSES:
            raise refuse(400, 10040, f"Storage class must be one of {', '.join(_CLASSES)}.")
        with cloud.store.transaction() as tables:
            row = _bucket(tables, jurisdiction, name)
            row["storage_class"] = storage_class
            return success(_shown(row))

    @routes.delete("/{name}")
    def delete(
        account_id: str, name: str, jurisdiction: Jurisdiction = "default"
    ) -> dict[str, Any]:
        cloud.check_account(account_id)
        with cloud.store.transaction() as tables:
            _bucket(tables, jurisdiction, name)
            del tables[TABLE][_key(jurisdiction, name)]
            if cloud.buckets:
                shutil.rmtree(cloud.buckets / name, ignore_errors=True)
        return success({})


def _rule_routes(routes: APIRouter, cloud: Cloud, key: str, check: Callable[[Row], None]) -> None:
    @routes.get(f"/{{name}}/{key}")
    def get(account_id: str, name: str, jurisdiction: Jurisdiction = "default") -> dict[str, Any]:
        cloud.check_account(account_id)
        with cloud.store.reading() as tables:
            return success({"rules": list(_bucket(tables, jurisdiction, name)[key])})

    @routes.put(f"/{{name}}/{key}")
    def put(
        account_id: str,
        name: str,
        body: JsonBody = None,
        jurisdiction: Jurisdiction = "default",
    ) -> dict[str, Any]:
        cloud.check_account(account_id)
        rules = _checked_rules(json_object(body).get("rules") or [])
        for rule in rules:
            check(rule)
        with cloud.store.transaction() as tables:
            _bucket(tables, jurisdiction, name)[key] = rules
        return success({})


def _make_folder(cloud: Cloud, name: str) -> None:
    if cloud.buckets:
        (cloud.buckets / name).mkdir(mode=0o700, parents=True, exist_ok=True)


def _key(jurisdiction: str, name: str) -> str:
    return f"{jurisdiction}/{name}"


def _bucket(tables: Mapping[str, Table], jurisdiction: str, name: str) -> Row:
    row = tables.get(TABLE, {}).get(_key(jurisdiction, name))
    if row is None:
        raise refuse(404, 10006, "The specified bucket does not exist.")
    return row


def _shown(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in ("lifecycle", "lock")}


def _checked_bucket(given: Row, jurisdiction: str) -> Row:
    name = given.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise refuse(400, 10005, "The specified bucket name is not valid.")
    location = str(given.get("locationHint", "weur")).lower()
    if location not in _LOCATIONS:
        raise refuse(400, 10041, f"Location must be one of {', '.join(_LOCATIONS)}.")
    storage_class = given.get("storageClass", "Standard")
    if storage_class not in _CLASSES:
        raise refuse(400, 10040, f"Storage class must be one of {', '.join(_CLASSES)}.")
    if jurisdiction not in _JURISDICTIONS:
        raise refuse(400, 10042, f"Jurisdiction must be one of {', '.join(_JURISDICTIONS)}.")
    return {
        "name": name,
        "creation_date": timestamp(),
        "location": location.upper(),
        "storage_class": storage_class,
        "jurisdiction": jurisdiction,
        "lifecycle": [_BORN_WITH],
        "lock": [],
    }


def _checked_rules(given: object) -> list[Row]:
    """What rules of both kinds have in common."""
    rules = cast("list[object]", given) if isinstance(given, list) else None
    if rules is None or len(rules) > _MOST_RULES:
        raise refuse(400, 10051, f"rules must be a list of at most {_MOST_RULES}.")
    checked = [json_object(rule) for rule in rules]
    seen: set[str] = set()
    for rule in checked:
        if not isinstance(rule.get("id"), str) or rule["id"] in seen:
            raise refuse(400, 10052, "Every rule needs an id of its own.")
        seen.add(rule["id"])
        if not isinstance(rule.get("enabled"), bool):
            raise refuse(400, 10053, f"Rule {rule['id']}: enabled must be true or false.")
    return checked


def _checked_lifecycle(rule: Row) -> None:
    conditions = rule.get("conditions")
    if not isinstance(conditions, dict):
        raise refuse(400, 10054, f"Rule {rule['id']}: conditions with a prefix are required.")
    if not any(rule.get(key) for key in _TRANSITIONS):
        raise refuse(400, 10055, f"Rule {rule['id']}: one of {', '.join(_TRANSITIONS)} is needed.")
    for key in _TRANSITIONS[:2]:
        if rule.get(key):
            _check_condition(rule["id"], rule[key].get("condition"), "maxAge", ("Age", "Date"))


def _checked_lock(rule: Row) -> None:
    kinds = ("Age", "Date", "Indefinite")
    _check_condition(rule["id"], rule.get("condition"), "maxAgeSeconds", kinds)


def _check_condition(rule_id: str, given: object, age: str, kinds: tuple[str, ...]) -> None:
    condition = cast("Row", given) if isinstance(given, dict) else {}
    kind = condition.get("type")
    if kind not in kinds:
        raise refuse(400, 10056, f"Rule {rule_id}: condition type must be one of {kinds}.")
    seconds = condition.get(age)
    if kind == "Age" and (not isinstance(seconds, int) or seconds < 1):
        raise refuse(400, 10057, f"Rule {rule_id}: {age} must be a positive number of seconds.")
    if kind == "Date" and not isinstance(condition.get("date"), str):
        raise refuse(400, 10058, f"Rule {rule_id}: date is required.")
