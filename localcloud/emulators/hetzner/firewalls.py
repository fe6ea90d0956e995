"""Routes of firewalls. What they let through is kept, not enforced."""

from __future__ import annotations

from typing import Any, cast

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import requests, rules
from localcloud.emulators.hetzner.actions import now
from localcloud.emulators.hetzner.cloud import Cloud
from localcloud.emulators.hetzner.errors import ApiError, invalid
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.hetzner.servers import firewall_covers
from localcloud.emulators.store import Row


def _resource(cloud: Cloud, given: Row) -> Row:
    """A resource that a firewall is applied to, checked and in one form."""
    kind = given.get("type")
    if kind == "server":
        number = cast("Row", given.get("server") or {}).get("id")
        cloud.row("servers", number)
        return {"type": "server", "server": {"id": number}}
    if kind == "label_selector":
        selector = str(cast("Row", given.get("label_selector") or {}).get("selector", ""))
        rules.matches_selector({}, selector)
        return {"type": "label_selector", "label_selector": {"selector": selector}}
    raise invalid("type", "must be one of: server, label_selector")


def router(cloud: Cloud) -> APIRouter:  # noqa: PLR0915 - one statement per route
    """Routes under /v1/firewalls."""
    api = APIRouter(prefix="/firewalls")
    store = cloud.store

    def show_firewall(row: Row) -> Row:
        applied: list[Row] = []
        for item in row["applied_to"]:
            shown = dict(item)
            if item["type"] == "label_selector":
                only: Row = {"applied_to": [item]}
                shown["applied_to_resources"] = [
                    {"type": "server", "server": {"id": server["id"]}}
                    for server in cloud.rows("servers")
                    if firewall_covers(only, server)
                ]
            applied.append(shown)
        return {**row, "applied_to": applied}

    def targets(row: Row, given: list[Row]) -> list[tuple[str, int]]:
        servers = [item["server"]["id"] for item in given if item["type"] == "server"]
        return [("firewall", row["id"]), *(("server", cast("int", item)) for item in servers)]

    def apply(row: Row, given: list[dict[str, Any]]) -> list[Row]:
        wanted = [_resource(cloud, item) for item in given]
        if any(item in row["applied_to"] for item in wanted):
            raise ApiError("firewall_already_applied", "firewall is already applied")
        row["applied_to"].extend(wanted)
        return [cloud.actions.done("apply_firewall", *targets(row, [item])) for item in wanted]

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        return listing(request, "firewalls", cloud.rows("firewalls"), show=show_firewall)

    @api.post("", status_code=201)
    def create(body: requests.FirewallCreate) -> dict[str, Any]:
        with store.transaction():
            rules.check_name(body.name)
            rules.check_labels(body.labels)
            cloud.check_unique("firewalls", "name", body.name)
            row: Row = {
                "id": cloud.store.next_id("firewalls", 300),
                "name": body.name,
                "labels": body.labels,
                "created": now(),
                "rules": rules.check_firewall_rules(body.rules),
                "applied_to": [],
            }
            cloud.add("firewalls", row)
            actions = [cloud.actions.done("set_firewall_rules", ("firewall", row["id"]))]
            actions += apply(row, body.apply_to)
            return {"firewall": show_firewall(row), "actions": actions}

    @api.get("/{number}")
    def show(number: int) -> dict[str, Any]:
        with store.reading():
            return {"firewall": show_firewall(cloud.row("firewalls", number))}

    @api.put("/{number}")
    def update(number: int, body: requests.Renamed) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("firewalls", number)
            cloud.rename("firewalls", row, body.name)
            if body.labels is not None:
                rules.check_labels(body.labels)
                row["labels"] = body.labels
            return {"firewall": show_firewall(row)}

    @api.delete("/{number}", status_code=204)
    def delete(number: int) -> None:
        with store.transaction() as tables:
            if cloud.row("firewalls", number)["applied_to"]:
                raise ApiError("resource_in_use", "firewall is applied to resources")
            del tables["firewalls"][str(number)]

    @api.post("/{number}/actions/set_rules", status_code=201)
    def set_rules(number: int, body: requests.FirewallRules) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("firewalls", number)
            row["rules"] = rules.check_firewall_rules(body.rules)
            return {"actions": [cloud.actions.done("set_firewall_rules", ("firewall", number))]}

    @api.post("/{number}/actions/apply_to_resources", status_code=201)
    def apply_to(number: int, body: requests.ApplyTo) -> dict[str, Any]:
        with store.transaction():
            return {"actions": apply(cloud.row("firewalls", number), body.apply_to)}

    @api.post("/{number}/actions/remove_from_resources", status_code=201)
    def remove_from(number: int, body: requests.RemoveFrom) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("firewalls", number)
            gone: list[Row] = []
            for item in body.remove_from:
                kept = {
                    key: item[key] for key in ("type", "server", "label_selector") if key in item
                }
                if kept not in row["applied_to"]:
                    raise ApiError("firewall_resource_not_found", "firewall is not applied to it")
                row["applied_to"].remove(kept)
                gone.append(kept)
            actions = [
                cloud.actions.done("remove_firewall", *targets(row, [item])) for item in gone
            ]
            return {"actions": actions}

    return api
