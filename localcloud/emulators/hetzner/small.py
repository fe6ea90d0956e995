"""Routes of what needs few words: SSH keys, placement groups, actions, and what is offered."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import catalogue, requests, rules
from localcloud.emulators.hetzner.actions import now, public
from localcloud.emulators.hetzner.cloud import Cloud
from localcloud.emulators.hetzner.errors import ApiError, not_found, not_unique
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.store import Row


def ssh_keys(cloud: Cloud) -> APIRouter:
    """Routes under /v1/ssh_keys."""
    api = APIRouter(prefix="/ssh_keys")
    store = cloud.store

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        rows = cloud.rows("ssh_keys")
        return listing(request, "ssh_keys", rows, filters=("name", "fingerprint"))

    @api.post("", status_code=201)
    def create(body: requests.SshKeyCreate) -> dict[str, Any]:
        with store.transaction():
            rules.check_name(body.name)
            rules.check_labels(body.labels)
            print_of_key = rules.fingerprint(body.public_key)
            cloud.check_unique("ssh_keys", "name", body.name)
            if any(row["fingerprint"] == print_of_key for row in cloud.rows("ssh_keys")):
                raise not_unique("public_key")
            row: Row = {
                "id": cloud.store.next_id("ssh_keys", 100),
                "name": body.name,
                "fingerprint": print_of_key,
                "public_key": body.public_key.strip(),
                "labels": body.labels,
                "created": now(),
            }
            return {"ssh_key": cloud.add("ssh_keys", row)}

    _add_common(api, cloud, "ssh_keys")
    return api


def placement_groups(cloud: Cloud) -> APIRouter:
    """Routes under /v1/placement_groups."""
    api = APIRouter(prefix="/placement_groups")
    store = cloud.store

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        rows = cloud.rows("placement_groups")
        return listing(request, "placement_groups", rows, filters=("name", "type"))

    @api.post("", status_code=201)
    def create(body: requests.PlacementGroupCreate) -> dict[str, Any]:
        with store.transaction():
            rules.check_name(body.name)
            rules.check_labels(body.labels)
            cloud.check_unique("placement_groups", "name", body.name)
            row: Row = {
                "id": cloud.store.next_id("placement_groups", 600),
                "name": body.name,
                "type": body.type,
                "labels": body.labels,
                "servers": [],
                "created": now(),
            }
            cloud.add("placement_groups", row)
            return {"placement_group": row, "action": None}

    _add_common(api, cloud, "placement_groups")
    return api


def _add_common(api: APIRouter, cloud: Cloud, table: str) -> None:
    """Show, change and delete a resource without rules of its own."""
    key = table.removesuffix("s")

    @api.get("/{number}")
    def show(number: int) -> dict[str, Any]:
        return {key: cloud.row(table, number)}

    @api.put("/{number}")
    def update(number: int, body: requests.Renamed) -> dict[str, Any]:
        with cloud.store.transaction():
            row = cloud.row(table, number)
            cloud.rename(table, row, body.name)
            if body.labels is not None:
                rules.check_labels(body.labels)
                row["labels"] = body.labels
            return {key: row}

    @api.delete("/{number}", status_code=204)
    def delete(number: int) -> None:
        with cloud.store.transaction() as tables:
            if cloud.row(table, number).get("servers"):
                raise ApiError("resource_in_use", f"{key} has servers")
            del tables[table][str(number)]


def actions(cloud: Cloud) -> APIRouter:
    """Routes of actions, of the whole project and of one resource."""
    api = APIRouter()
    sorts = ("id", "command", "status", "progress", "started", "finished")

    @api.get("/actions")
    def index(request: Request) -> dict[str, Any]:
        rows = cloud.rows("actions")
        filters = ("id", "status")
        return listing(request, "actions", rows, filters=filters, sorts=sorts, show=public)

    @api.get("/actions/{number}")
    def show(number: int) -> dict[str, Any]:
        return {"action": public(cloud.row("actions", number))}

    @api.get("/{table}/actions/{number}")
    def show_of_kind(table: str, number: int) -> dict[str, Any]:  # noqa: ARG001 - in the path
        return {"action": public(cloud.row("actions", number))}

    @api.get("/{table}/{owner}/actions")
    def of_resource(table: str, owner: int, request: Request) -> dict[str, Any]:
        mine = {"type": table.removesuffix("s"), "id": owner}
        rows = [row for row in cloud.rows("actions") if mine in row["resources"]]
        filters = ("status",)
        return listing(request, "actions", rows, filters=filters, sorts=sorts, show=public)

    @api.get("/{table}/{owner}/actions/{number}")
    def of_resource_one(table: str, owner: int, number: int) -> dict[str, Any]:  # noqa: ARG001
        return {"action": public(cloud.row("actions", number))}

    return api


def offers() -> APIRouter:
    """Routes of what the vendor offers."""
    api = APIRouter()

    def add(table: str, rows: list[Row], filters: tuple[str, ...]) -> None:
        key = table.removesuffix("s")

        def index(request: Request) -> dict[str, Any]:
            return listing(request, table, rows, filters=filters)

        def show(number: int) -> dict[str, Any]:
            for row in rows:
                if row["id"] == number:
                    return {key: row}
            raise not_found(key, number)

        api.add_api_route(f"/{table}", index, methods=["GET"])
        api.add_api_route(f"/{table}/{{number}}", show, methods=["GET"])

    add("locations", catalogue.LOCATIONS, ("name",))
    add("server_types", catalogue.SERVER_TYPES, ("name",))
    add("images", catalogue.IMAGES, ("name", "type", "status", "architecture"))
    add("isos", [], ("name",))
    # Products of the vendor that the local cloud has none of: clients may ask for the lists.
    for table in ("floating_ips", "load_balancers", "load_balancer_types", "certificates"):
        add(table, [], ("name",))

    @api.get("/pricing")
    def prices() -> dict[str, Any]:
        return {"pricing": catalogue.pricing()}

    @api.get("/datacenters")
    def datacenters() -> None:
        raise ApiError("deprecated_api_endpoint", "datacenters were removed, use locations")

    return api
