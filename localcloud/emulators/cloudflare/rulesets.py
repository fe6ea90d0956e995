"""Rulesets of a zone: one entry point per phase, with rules in order."""

# Handlers are used by their decorators only.
# pyright: reportUnusedFunction=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Response

from localcloud.emulators.cloudflare.cloud import Cloud, JsonBody, json_object, new_id, timestamp
from localcloud.emulators.cloudflare.envelope import refuse, success
from localcloud.emulators.cloudflare.rules import PHASES, checked_rules
from localcloud.emulators.store import Row, Table

TABLE: Final = "rulesets"


def router(cloud: Cloud) -> APIRouter:
    """The routes under `/zones/{zone_id}/rulesets`."""
    routes = APIRouter(prefix="/zones/{zone_id}/rulesets")

    @routes.get("")
    def list_rulesets(zone_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            rows = [_shown(row) for row in _of_zone(tables, zone_id)]
        for row in rows:
            del row["rules"]
        return success(rows, {"cursors": {}})

    @routes.post("")
    def create(zone_id: str, body: JsonBody = None) -> dict[str, Any]:
        given = json_object(body)
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            phase, name = _checked_new(given)
            if _entry_point(tables, zone_id, phase) is not None:
                raise refuse(
                    400,
                    20217,
                    "'zone' is not a valid value for kind because exceeded maximum number of "
                    f"zone rulesets for phase {phase}",
                )
            return success(_shown(_make(tables, zone_id, phase, name, given)))

    @routes.get("/phases/{phase}/entrypoint")
    def get_entry_point(zone_id: str, phase: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            row = _entry_point(tables, zone_id, phase)
            if row is None:
                message = f"could not find entrypoint ruleset in the {phase} phase"
                raise refuse(404, 10003, message)
            return success(_shown(row))

    @routes.put("/phases/{phase}/entrypoint")
    def put_entry_point(zone_id: str, phase: str, body: JsonBody = None) -> dict[str, Any]:
        given = json_object(body)
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            if phase not in PHASES:
                raise refuse(400, 20016, f"'{phase}' is not a valid value for phase")
            row = _entry_point(tables, zone_id, phase)
            if row is None:
                row = _make(tables, zone_id, phase, given.get("name", "default"), given)
            else:
                _overwrite(row, given)
            return success(_shown(row))

    @routes.get("/{ruleset_id}")
    def get(zone_id: str, ruleset_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            return success(_shown(_ruleset(tables, zone_id, ruleset_id)))

    @routes.put("/{ruleset_id}")
    def put(zone_id: str, ruleset_id: str, body: JsonBody = None) -> dict[str, Any]:
        given = json_object(body)
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            row = _ruleset(tables, zone_id, ruleset_id)
            for key in ("kind", "phase"):
                if given.get(key, row[key]) != row[key]:
                    raise refuse(400, 20022, f"{key} of a ruleset cannot be changed")
            _overwrite(row, given)
            return success(_shown(row))

    @routes.delete("/{ruleset_id}", status_code=204)
    def delete(zone_id: str, ruleset_id: str) -> Response:
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            _ruleset(tables, zone_id, ruleset_id)
            del tables[TABLE][ruleset_id]
        return Response(status_code=204)

    return routes


def _checked_new(given: Row) -> tuple[str, str]:
    """Phase and name of a ruleset that is to be made."""
    phase, name = given.get("phase"), given.get("name")
    if not isinstance(phase, str) or phase not in PHASES:
        raise refuse(400, 20016, f"'{phase}' is not a valid value for phase")
    if given.get("kind") != "zone":
        raise refuse(400, 20120, f"'{given.get('kind')}' is not a valid value for kind")
    if not isinstance(name, str) or not name:
        raise refuse(400, 20026, "name must not be empty")
    return phase, name


def _make(tables: Mapping[str, Table], zone_id: str, phase: str, name: str, given: Row) -> Row:
    row: Row = {
        "id": new_id(),
        "zone_id": zone_id,
        "name": name,
        "description": given.get("description") or "",
        "kind": "zone",
        "version": "1",
        "phase": phase,
        "last_updated": timestamp(),
        "rules": checked_rules(phase, given.get("rules") or [], []),
    }
    tables[TABLE][row["id"]] = row
    return row


def _overwrite(row: Row, given: Row) -> None:
    row["rules"] = checked_rules(row["phase"], given.get("rules") or [], row["rules"])
    row["name"] = given.get("name", row["name"])
    row["description"] = given.get("description", row["description"]) or ""
    row["version"] = str(int(row["version"]) + 1)
    row["last_updated"] = timestamp()


def _of_zone(tables: Mapping[str, Table], zone_id: str) -> list[Row]:
    return [row for row in tables.get(TABLE, {}).values() if row["zone_id"] == zone_id]


def _entry_point(tables: Mapping[str, Table], zone_id: str, phase: str) -> Row | None:
    return next((r for r in _of_zone(tables, zone_id) if r["phase"] == phase), None)


def _ruleset(tables: Mapping[str, Table], zone_id: str, ruleset_id: str) -> Row:
    row = tables.get(TABLE, {}).get(ruleset_id)
    if row is None or row["zone_id"] != zone_id:
        raise refuse(404, 10003, "could not find ruleset")
    return row


def _shown(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "zone_id"}
