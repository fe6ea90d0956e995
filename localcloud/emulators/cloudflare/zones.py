"""Zones, their settings, and DNSSEC."""

# Handlers are used by their decorators only.
# pyright: reportUnusedFunction=false

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from fastapi import APIRouter, Request

from localcloud.emulators.cloudflare.cloud import Cloud, JsonBody, json_object, timestamp
from localcloud.emulators.cloudflare.envelope import page, refuse, success
from localcloud.emulators.cloudflare.settings import SETTINGS, checked_value, default_value
from localcloud.emulators.store import Row

_UNSIGNED: Final[dict[str, Any]] = {
    "status": "disabled",
    "flags": None,
    "algorithm": None,
    "key_type": None,
    "digest_type": None,
    "digest_algorithm": None,
    "digest": None,
    "ds": None,
    "key_tag": None,
    "public_key": None,
}
_OPTIONS: Final = ("dnssec_multi_signer", "dnssec_presigned", "dnssec_use_nsec3")


def router(cloud: Cloud) -> APIRouter:
    """The routes under `/zones`, without records and rulesets."""
    routes = APIRouter(prefix="/zones")
    _zone_routes(routes, cloud)
    _setting_routes(routes, cloud)
    _dnssec_routes(routes, cloud)
    return routes


def _zone_routes(routes: APIRouter, cloud: Cloud) -> None:
    @routes.get("")
    def list_zones(request: Request) -> dict[str, Any]:
        query = request.query_params
        with cloud.store.reading() as tables:
            zones = [dict(zone) for zone in tables.get("zones", {}).values()]
        for key in ("name", "status"):
            if key in query:
                zones = [zone for zone in zones if zone[key] == query[key]]
        if query.get("account.id", cloud.account_id) != cloud.account_id:
            zones = []
        return page(request, sorted(zones, key=lambda zone: cast("str", zone["name"])))

    @routes.get("/{zone_id}")
    def get_zone(zone_id: str) -> dict[str, Any]:
        return success(cloud.zone(zone_id))

    @routes.patch("/{zone_id}")
    def edit_zone(zone_id: str, body: JsonBody = None) -> dict[str, Any]:
        given = json_object(body)
        with cloud.store.transaction():
            zone = cloud.zone(zone_id)
            paused = given.get("paused", zone["paused"])
            if not isinstance(paused, bool) or set(given) - {"paused"}:
                raise refuse(400, 1016, "Only paused can be changed, to true or false")
            zone.update(paused=paused, modified_on=timestamp())
            return success(dict(zone))


def _setting_routes(routes: APIRouter, cloud: Cloud) -> None:
    def shown(row: Row | None, setting_id: str) -> Row:
        default: Row = {
            "id": setting_id,
            "value": default_value(setting_id),
            "editable": True,
            "modified_on": None,
        }
        return default | (row or {})

    def change(zone_id: str, setting_id: str, body: object) -> dict[str, Any]:
        given = json_object(body)
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            if "value" not in given:
                raise refuse(400, 1007, f"Invalid value for zone setting {setting_id}")
            current = shown(tables["settings"].get(f"{zone_id}/{setting_id}"), setting_id)
            row: Row = {
                "id": setting_id,
                "value": checked_value(setting_id, given["value"], current["value"]),
                "editable": True,
                "modified_on": timestamp(),
            }
            tables["settings"][f"{zone_id}/{setting_id}"] = row
            return success(dict(row))

    @routes.get("/{zone_id}/settings")
    def list_settings(zone_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            kept = tables.get("settings", {})
            return success([shown(kept.get(f"{zone_id}/{name}"), name) for name in SETTINGS])

    @routes.get("/{zone_id}/settings/{setting_id}")
    def get_setting(zone_id: str, setting_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            cloud.zone(zone_id)
            default_value(setting_id)  # refuses a setting that there is not
            return success(
                shown(tables.get("settings", {}).get(f"{zone_id}/{setting_id}"), setting_id)
            )

    @routes.patch("/{zone_id}/settings/{setting_id}")
    def edit_setting(zone_id: str, setting_id: str, body: JsonBody = None) -> dict[str, Any]:
        return change(zone_id, setting_id, body)

    @routes.put("/{zone_id}/settings/{setting_id}")
    def put_setting(zone_id: str, setting_id: str, body: JsonBody = None) -> dict[str, Any]:
        return change(zone_id, setting_id, body)


def _dnssec_routes(routes: APIRouter, cloud: Cloud) -> None:
    def shown(zone: Row, row: Row | None) -> Row:
        if row is None or row["status"] == "disabled":
            return {**_UNSIGNED, **(row or {})}
        since = datetime.fromisoformat(row["modified_on"])
        waited = datetime.now(UTC) - since
        active = waited >= timedelta(seconds=cloud.dnssec_activation_seconds)
        return {**row, **_keys(zone["name"]), "status": "active" if active else "pending"}

    @routes.get("/{zone_id}/dnssec")
    def get_dnssec(zone_id: str) -> dict[str, Any]:
        with cloud.store.reading() as tables:
            return success(shown(cloud.zone(zone_id), tables.get("dnssec", {}).get(zone_id)))

    @routes.patch("/{zone_id}/dnssec")
    def edit_dnssec(zone_id: str, body: JsonBody = None) -> dict[str, Any]:
        given = json_object(body)
        with cloud.store.transaction() as tables:
            zone = cloud.zone(zone_id)
            row = dict(tables["dnssec"].get(zone_id, {"status": "disabled"}))
            status = given.get("status", row["status"])
            if status not in ("active", "disabled"):
                raise refuse(400, 1004, "DNSSEC status must be active or disabled")
            for option in _OPTIONS:
                if option in given:
                    row[option] = bool(given[option])
            if status != row["status"] or "modified_on" not in row:
                row["modified_on"] = timestamp()
            row["status"] = status
            tables["dnssec"][zone_id] = row
            return success(shown(zone, row))

    @routes.delete("/{zone_id}/dnssec")
    def delete_dnssec(zone_id: str) -> dict[str, Any]:
        with cloud.store.transaction() as tables:
            cloud.zone(zone_id)
            row = tables["dnssec"].get(zone_id)
            if row is not None and row["status"] == "active":
                raise refuse(400, 1005, "DNSSEC must be disabled before its records are deleted")
            tables["dnssec"].pop(zone_id, None)
        return success(zone_id)


def _keys(domain: str) -> dict[str, Any]:
    """Key and digest of a signed zone: made up, but the same each time."""
    seed = hashlib.sha512(domain.encode()).digest()
    digest = hashlib.sha256(domain.encode()).hexdigest().upper()
    tag = int.from_bytes(seed[:2], "big")
    return {
        "flags": 257,
        "algorithm": "13",
        "key_type": "ECDSAP256SHA256",
        "digest_type": "2",
        "digest_algorithm": "SHA256",
        "digest": digest,
        "ds": f"{domain}. 3600 IN DS {tag} 13 2 {digest}",
        "key_tag": tag,
        "public_key": base64.b64encode(seed).decode(),
    }
