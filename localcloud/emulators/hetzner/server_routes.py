"""Routes of servers and their actions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import requests, rules
from localcloud.emulators.hetzner.actions import Step
from localcloud.emulators.hetzner.cloud import (
    Cloud,
    image,
    server_type,
)
from localcloud.emulators.hetzner.errors import ApiError, invalid, protected
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.hetzner.server_orders import (
    POWER,
    change_type,
    create_server,
    join,
    power_step,
    queue_one,
)
from localcloud.emulators.hetzner.servers import (
    ServerJobs,
    reserve_place,
    show_server,
    status_of,
)
from localcloud.emulators.store import Row


def router(cloud: Cloud) -> APIRouter:  # noqa: PLR0915 - one statement per route
    """Routes under /v1/servers."""
    ServerJobs(cloud)
    api = APIRouter(prefix="/servers")
    store = cloud.store

    def free(number: int) -> Row:
        row = cloud.row("servers", number)
        cloud.actions.check_free("server", number)
        return row

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        rows = [{**row, "status": status_of(cloud, row)} for row in cloud.rows("servers")]
        return listing(
            request,
            "servers",
            rows,
            filters=("name", "status"),
            show=lambda row: show_server(cloud, row),
        )

    @api.post("", status_code=201)
    def create(body: requests.ServerCreate) -> dict[str, Any]:
        with store.transaction():
            return create_server(cloud, body)

    @api.get("/{number}")
    def show(number: int) -> dict[str, Any]:
        with store.reading():
            return {"server": show_server(cloud, cloud.row("servers", number))}

    @api.put("/{number}")
    def update(number: int, body: requests.Renamed) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("servers", number)
            if body.name is not None:
                rules.check_host_name(body.name)
            cloud.rename("servers", row, body.name)
            if body.labels is not None:
                rules.check_labels(body.labels)
                row["labels"] = body.labels
            return {"server": show_server(cloud, row)}

    @api.delete("/{number}")
    def delete(number: int) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if row["protection"]["delete"]:
                raise protected("server")
            row["_state"] = "deleting"
            return {"action": queue_one(cloud, "delete_server", row, "server.delete")}

    def add_power(verb: str) -> None:
        _, _, state = POWER[verb]

        def switch(number: int) -> dict[str, Any]:
            with store.transaction():
                row = free(number)
                row["_state"] = state
                return {"action": cloud.actions.queue(power_step(verb, number))[0]}

        api.add_api_route(f"/{{number}}/actions/{verb}", switch, methods=["POST"], status_code=201)

    for verb in POWER:
        add_power(verb)

    @api.post("/{number}/actions/rebuild", status_code=201)
    def rebuild(number: int, body: requests.Rebuild) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if row["protection"]["rebuild"]:
                raise protected("server rebuild")
            kind = server_type(row["server_type"])
            row["image"] = image(body.image, kind["architecture"])["id"]
            if body.user_data is not None:
                rules.check_user_data(body.user_data)
                row["_user_data"] = body.user_data
            row["_state"] = "rebuilding"
            action = queue_one(cloud, "rebuild_server", row, "server.rebuild")
            return {"action": action, "root_password": None}

    @api.post("/{number}/actions/change_type", status_code=201)
    def change(number: int, body: requests.ChangeType) -> dict[str, Any]:
        with store.transaction():
            return {"action": change_type(cloud, free(number), body)}

    @api.post("/{number}/actions/change_protection", status_code=201)
    def protect(number: int, body: requests.Protection) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            new = {**row["protection"], **body.model_dump(exclude_none=True)}
            if new["delete"] != new["rebuild"]:
                raise invalid("rebuild", "must be equal to delete")
            row["protection"] = new
            return {"action": cloud.actions.done("change_protection", ("server", number))}

    @api.post("/{number}/actions/enable_backup", status_code=201)
    def enable_backup(number: int) -> dict[str, Any]:
        with store.transaction():
            free(number)["backup_window"] = "22-02"
            return {"action": cloud.actions.done("enable_backup", ("server", number))}

    @api.post("/{number}/actions/disable_backup", status_code=201)
    def disable_backup(number: int) -> dict[str, Any]:
        with store.transaction():
            free(number)["backup_window"] = None
            return {"action": cloud.actions.done("disable_backup", ("server", number))}

    @api.post("/{number}/actions/change_dns_ptr", status_code=201)
    def change_dns(number: int, body: requests.DnsPointer) -> dict[str, Any]:
        from localcloud.emulators.hetzner.primary_ips import set_dns  # noqa: PLC0415

        with store.transaction():
            cloud.row("servers", number)
            mine = [ip for ip in cloud.rows("primary_ips") if ip["assignee_id"] == number]
            set_dns(mine, body.ip, body.dns_ptr)
            return {"action": cloud.actions.done("change_dns_ptr", ("server", number))}

    @api.post("/{number}/actions/attach_to_network", status_code=201)
    def attach(number: int, body: requests.AttachToNetwork) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            network = cloud.row("networks", body.network)
            reserve_place(cloud, row, network, body.model_dump())
            step = Step(
                command="attach_to_network",
                targets=[("server", number), ("network", body.network)],
                job="server.attach_network",
                arguments={"server_id": number, "network_id": body.network},
            )
            return {"action": cloud.actions.queue(step)[0]}

    @api.post("/{number}/actions/detach_from_network", status_code=201)
    def detach(number: int, body: requests.NetworkReference) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if not any(item["network"] == body.network for item in row["private_net"]):
                raise ApiError("not_found", "server is not attached to the network")
            step = Step(
                command="detach_from_network",
                targets=[("server", number), ("network", body.network)],
                job="server.detach_network",
                arguments={"server_id": number, "network_id": body.network},
            )
            return {"action": cloud.actions.queue(step)[0]}

    @api.post("/{number}/actions/change_alias_ips", status_code=201)
    def change_aliases(number: int, body: requests.NetworkReference) -> dict[str, Any]:
        with store.transaction():
            for place in free(number)["private_net"]:
                if place["network"] == body.network:
                    place["alias_ips"] = body.alias_ips
                    return {"action": cloud.actions.done("change_alias_ips", ("server", number))}
            raise ApiError("not_found", "server is not attached to the network")

    @api.post("/{number}/actions/add_to_placement_group", status_code=201)
    def add_to_group(number: int, body: requests.PlacementGroupReference) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if status_of(cloud, row) != "off":
                raise ApiError("server_not_stopped", "server must be powered off")
            join(cloud.row("placement_groups", body.placement_group), row)
            return {"action": cloud.actions.done("add_to_placement_group", ("server", number))}

    @api.post("/{number}/actions/remove_from_placement_group", status_code=201)
    def remove_from_group(number: int) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if status_of(cloud, row) != "off":
                raise ApiError("server_not_stopped", "server must be powered off")
            group = cloud.find("placement_groups", row["placement_group"])
            if group is not None:
                group["servers"] = [item for item in group["servers"] if item != number]
            row["placement_group"] = None
            action = cloud.actions.done("remove_from_placement_group", ("server", number))
            return {"action": action}

    return api
