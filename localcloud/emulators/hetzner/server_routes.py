"""Routes of servers and their actions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import catalogue, requests, rules
from localcloud.emulators.hetzner.actions import Step, now
from localcloud.emulators.hetzner.cloud import (
    Cloud,
    by_key,
    check_offered,
    image,
    location,
    server_type,
)
from localcloud.emulators.hetzner.errors import ApiError, invalid, protected
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.hetzner.servers import (
    ServerJobs,
    new_primary_ip,
    reserve_place,
    show_server,
    status_of,
)
from localcloud.emulators.store import Row

POWER = {
    "poweron": ("start_server", "on", "starting"),
    "poweroff": ("stop_server", "off", "stopping"),
    "shutdown": ("shutdown_server", "shutdown", None),
    "reboot": ("reboot_server", "reboot", None),
    "reset": ("reset_server", "reset", None),
}


def create_server(cloud: Cloud, body: requests.ServerCreate) -> dict[str, Any]:
    """Check the request as a whole, keep the server, queue its actions."""
    rules.check_host_name(body.name)
    rules.check_labels(body.labels)
    rules.check_user_data(body.user_data)
    if body.datacenter is not None:
        raise invalid("datacenter", "was removed, use location instead")
    kind = server_type(body.server_type)
    place = location(body.location or kind["locations"][0]["name"])
    check_offered(kind, place)
    chosen = image(body.image, kind["architecture"])
    cloud.check_unique("servers", "name", body.name)
    keys = [_ssh_key(cloud, key)["public_key"] for key in body.ssh_keys]
    firewalls = [cloud.row("firewalls", item.firewall) for item in body.firewalls]
    volumes = [_free_volume(cloud, number, place) for number in body.volumes]
    networks = [cloud.row("networks", number) for number in body.networks]
    public = body.public_net
    if not (public.enable_ipv4 or public.enable_ipv6 or networks) and body.start_after_create:
        raise invalid("public_net", "a server without public network must not be started")
    number = cloud.store.next_id("servers", 42)
    row: Row = {
        "id": number,
        "name": body.name,
        "created": now(),
        "server_type": kind["name"],
        "image": chosen["id"],
        "location": place["name"],
        "labels": body.labels,
        "protection": {"delete": False, "rebuild": False},
        "backup_window": None,
        "primary_disk_size": kind["disk"],
        "placement_group": None,
        "private_net": [],
        "_user_data": body.user_data,
        "_ssh_keys": keys,
        "_state": "initializing",
    }
    cloud.add("servers", row)
    _give_address(cloud, row, "ipv4", public.ipv4, public.enable_ipv4)
    _give_address(cloud, row, "ipv6", public.ipv6, public.enable_ipv6)
    if body.placement_group is not None:
        group = cloud.row("placement_groups", body.placement_group)
        _join(group, row)
    for firewall in firewalls:
        firewall["applied_to"].append({"type": "server", "server": {"id": number}})
    for volume in volumes:
        volume["server"] = number
    for network in networks:
        reserve_place(cloud, row, network, {})
    server = ("server", number)
    steps = [
        Step(
            command="create_server",
            targets=[server, ("image", chosen["id"])],
            job="server.create",
            arguments={"server_id": number, "start": body.start_after_create},
        )
    ]
    if body.start_after_create:
        steps.append(_power_step("poweron", number))
    steps += [
        Step(
            command="attach_volume",
            targets=[server, ("volume", volume["id"])],
            job="volume.attach",
            arguments={"server_id": number, "volume_id": volume["id"]},
        )
        for volume in volumes
    ]
    steps += [
        Step(
            command="attach_to_network",
            targets=[server, ("network", network["id"])],
            job="server.attach_network",
            arguments={"server_id": number, "network_id": network["id"]},
        )
        for network in networks
    ]
    first, *following = cloud.actions.queue(*steps)
    return {
        "server": show_server(cloud, row),
        "action": first,
        "next_actions": following,
        "root_password": None if keys else "set-by-nobody",
    }


def _ssh_key(cloud: Cloud, key: object) -> Row:
    found = by_key(cloud.rows("ssh_keys"), key)
    if found is None:
        raise ApiError(
            "invalid_input",
            f"SSH key not found: {key}",
            {"fields": [{"name": "ssh_keys", "messages": [f"SSH key '{key}' does not exist"]}]},
        )
    return found


def _free_volume(cloud: Cloud, number: int, place: Row) -> Row:
    volume = cloud.row("volumes", number)
    cloud.actions.check_free("volume", number)
    if volume["server"] is not None:
        raise ApiError("volume_already_attached", "volume is already attached to a server")
    if volume["location"] != place["name"]:
        raise invalid("volumes", "volume must be in the location of the server")
    return volume


def _give_address(cloud: Cloud, row: Row, kind: str, number: int | None, enabled: bool) -> None:
    if number is not None:
        ip = cloud.row("primary_ips", number)
        if ip["type"] != kind or ip["location"] != row["location"]:
            raise invalid(f"public_net.{kind}", f"must be an {kind} in the server's location")
        if ip["assignee_id"] is not None:
            raise ApiError("primary_ip_assigned", "primary IP is already assigned")
        ip["assignee_id"] = row["id"]
    elif enabled:
        new_primary_ip(cloud, kind, row["location"], assignee_id=row["id"], auto_delete=True)


def _join(group: Row, row: Row) -> None:
    if len(group["servers"]) >= 10:
        raise ApiError("placement_error", "a placement group takes at most 10 servers")
    group["servers"].append(row["id"])
    row["placement_group"] = group["id"]


def _power_step(verb: str, number: int) -> Step:
    command, how, _ = POWER[verb]
    return Step(
        command=command,
        targets=[("server", number)],
        job="server.power",
        arguments={"server_id": number, "how": how},
    )


def change_type(cloud: Cloud, row: Row, body: requests.ChangeType) -> Row:
    """Queue another server type."""
    kind = server_type(body.server_type)
    old = by_key(catalogue.SERVER_TYPES, row["server_type"])
    check_offered(kind, location(row["location"]))
    if status_of(cloud, row) != "off":
        raise ApiError("server_not_stopped", "server must be powered off")
    if old is not None and old["architecture"] != kind["architecture"]:
        raise ApiError("invalid_server_type", "server type has another architecture")
    if kind["name"] == row["server_type"]:
        raise ApiError("invalid_server_type", "server is already of this type")
    if kind["disk"] < row["primary_disk_size"]:
        raise ApiError("invalid_server_type", "server disk is larger than the type's disk")
    disk = kind["disk"] if body.upgrade_disk else row["primary_disk_size"]
    row["_state"] = "migrating"
    return _queue_one(
        cloud,
        "change_server_type",
        row,
        "server.change_type",
        server_type=kind["name"],
        disk=disk,
    )


def _queue_one(cloud: Cloud, command: str, row: Row, job: str, **arguments: object) -> Row:
    step = Step(
        command=command,
        targets=[("server", row["id"])],
        job=job,
        arguments={"server_id": row["id"], **arguments},
    )
    return cloud.actions.queue(step)[0]


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
            return {"action": _queue_one(cloud, "delete_server", row, "server.delete")}

    def add_power(verb: str) -> None:
        _, _, state = POWER[verb]

        def switch(number: int) -> dict[str, Any]:
            with store.transaction():
                row = free(number)
                row["_state"] = state
                return {"action": cloud.actions.queue(_power_step(verb, number))[0]}

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
            action = _queue_one(cloud, "rebuild_server", row, "server.rebuild")
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
            _join(cloud.row("placement_groups", body.placement_group), row)
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
