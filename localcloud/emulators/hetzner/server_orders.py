"""Servers ordered and changed: a request is checked as a whole, then its actions are queued."""

from __future__ import annotations

from typing import Any

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
from localcloud.emulators.hetzner.errors import ApiError, invalid
from localcloud.emulators.hetzner.servers import (
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
        join(group, row)
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
        steps.append(power_step("poweron", number))
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


def join(group: Row, row: Row) -> None:
    """Put a server into a placement group, unless it is full."""
    if len(group["servers"]) >= 10:
        raise ApiError("placement_error", "a placement group takes at most 10 servers")
    group["servers"].append(row["id"])
    row["placement_group"] = group["id"]


def power_step(verb: str, number: int) -> Step:
    """The action that switches a server."""
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
    return queue_one(
        cloud,
        "change_server_type",
        row,
        "server.change_type",
        server_type=kind["name"],
        disk=disk,
    )


def queue_one(cloud: Cloud, command: str, row: Row, job: str, **arguments: object) -> Row:
    """Queue one action on a server."""
    step = Step(
        command=command,
        targets=[("server", row["id"])],
        job=job,
        arguments={"server_id": row["id"], **arguments},
    )
    return cloud.actions.queue(step)[0]
