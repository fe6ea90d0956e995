"""DNS records."""

# Handlers are used by their decorators only.
# pyright: reportUnusedFunction=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request

from localcloud.emulators.cloudflare.cloud import Cloud, JsonBody, json_object, new_id, timestamp
from localcloud.emulators.cloudflare.envelope import page, refuse, success
from localcloud.emulators.cloudflare.record import PROXIABLE, checked_record
from localcloud.emulators.store import Row, Table

# Zone by id, then record by id: the key of a record's row has both.
TABLE: Final = "dns_records"


def router(cloud: Cloud) -> APIRouter:
    """The routes under `/zones/{zone_id}/dns_records`."""
    routes = APIRouter(prefix="/zones/{zone_id}/dns_records")

    @routes.get("")
    def list_records(request: Request, zone_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            rows = [_shown(row) for row in _of_zone(tables.get(TABLE, {}), zone_id)]
        return page(request, _filtered(rows, request.query_params), default=100, most=5_000)

    @routes.post("")
    def create(zone_id: str, body: JsonBody = None) -> dict[str, Any]:
        with cloud.store.transaction() as tables:
            zone = cloud.zone(zone_id)
            values = checked_record(json_object(body), zone["name"])
            _refuse_conflicts(_of_zone(tables[TABLE], zone_id), values)
            now = timestamp()
            row: Row = {
                "id": new_id(),
                "zone_id": zone_id,
                **values,
                "created_on": now,
                "modified_on": now,
            }
            if values["comment"]:
                row["comment_modified_on"] = now
            tables[TABLE][_key(zone_id, row["id"])] = row
            return success(_shown(row))

    @routes.get("/{record_id}")
    def get(zone_id: str, record_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            return success(_shown(_record(tables, zone_id, record_id)))

    @routes.put("/{record_id}")
    def overwrite(zone_id: str, record_id: str, body: JsonBody = None) -> dict[str, Any]:
        return _change(cloud, zone_id, record_id, lambda _: json_object(body))

    @routes.patch("/{record_id}")
    def edit(zone_id: str, record_id: str, body: JsonBody = None) -> dict[str, Any]:
        def merged(row: Row) -> Row:
            given = json_object(body)
            kept = {key: row[key] for key in _WRITABLE if key in row}
            if "data" in given:
                kept.pop("content", None)
            if "content" in given or "type" in given:
                kept.pop("data", None)
            return {**kept, **given}

        return _change(cloud, zone_id, record_id, merged)

    @routes.delete("/{record_id}")
    def delete(zone_id: str, record_id: str) -> dict[str, Any]:
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            _record(tables, zone_id, record_id)
            del tables[TABLE][_key(zone_id, record_id)]
        return success({"id": record_id})

    return routes


_WRITABLE: Final = (
    "name",
    "type",
    "content",
    "data",
    "ttl",
    "proxied",
    "priority",
    "comment",
    "tags",
    "settings",
)


def _change(
    cloud: Cloud, zone_id: str, record_id: str, wanted: Callable[[Row], Row]
) -> dict[str, Any]:
    with cloud.store.transaction() as tables:
        zone = cloud.zone(zone_id)
        row = _record(tables, zone_id, record_id)
        values = checked_record(wanted(row), zone["name"])
        others = [r for r in _of_zone(tables[TABLE], zone_id) if r["id"] != record_id]
        _refuse_conflicts(others, values)
        now = timestamp()
        changed: Row = {
            "id": record_id,
            "zone_id": zone_id,
            **values,
            "created_on": row["created_on"],
            "modified_on": now,
        }
        if values["comment"]:
            same = values["comment"] == row["comment"]
            changed["comment_modified_on"] = row["comment_modified_on"] if same else now
        tables[TABLE][_key(zone_id, record_id)] = changed
        return success(_shown(changed))


def _key(zone_id: str, record_id: str) -> str:
    return f"{zone_id}/{record_id}"


def _of_zone(table: Table, zone_id: str) -> list[Row]:
    return [row for row in table.values() if row["zone_id"] == zone_id]


def _record(tables: Mapping[str, Table], zone_id: str, record_id: str) -> Row:
    row = tables.get(TABLE, {}).get(_key(zone_id, record_id))
    if row is None:
        raise refuse(404, 81044, "Record does not exist.")
    return row


def _shown(row: Row) -> Row:
    shown = {key: value for key, value in row.items() if key != "zone_id"}
    return {**shown, "proxiable": row["type"] in PROXIABLE, "meta": {}}


def _refuse_conflicts(others: Iterable[Row], new: Mapping[str, Any]) -> None:
    for other in others:
        if other["name"] != new["name"]:
            continue
        if other["type"] == new["type"] and other["content"] == new["content"]:
            raise refuse(400, 81058, "An identical record already exists.")
        if "CNAME" in (other["type"], new["type"]):
            raise refuse(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")


def _filtered(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    wanted: dict[str, str] = {}
    for key in ("name", "type", "content", "comment"):
        value = query.get(f"{key}.exact", query.get(key))
        if value is not None:
            wanted[key] = value
    rows = [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]
    if "proxied" in query:
        rows = [row for row in rows if row["proxied"] == (query["proxied"] == "true")]
    for key in ("name", "content", "comment"):
        if f"{key}.contains" in query:
            rows = [row for row in rows if query[f"{key}.contains"] in (row.get(key) or "")]
    return sorted(rows, key=lambda row: (row["name"], row["type"], row["content"]))
