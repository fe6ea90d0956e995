"""Routes of primary IPs."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import catalogue, requests, rules
from localcloud.emulators.hetzner.actions import Step
from localcloud.emulators.hetzner.cloud import Cloud, by_key, location
from localcloud.emulators.hetzner.errors import ApiError, invalid, protected
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.hetzner.servers import default_dns, new_primary_ip, status_of
from localcloud.emulators.store import Row


def show_ip(row: Row) -> Row:
    """A primary IP in the API's form."""
    return {**row, "location": by_key(catalogue.LOCATIONS, row["location"])}


def set_dns(ips: Sequence[Row], address: str, name: str | None) -> None:
    """Set or reset the reverse DNS entry of an address of one of these primary IPs."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise invalid("ip", "must be an IP address") from error
    for row in ips:
        if parsed not in ipaddress.ip_network(row["ip"]):
            continue
        if name is not None:
            rules.check_host_name(name.rstrip("."))
        others = [item for item in row["dns_ptr"] if item["ip"] != address]
        if name is None:
            row["dns_ptr"] = others + default_dns(row["type"], address)
        else:
            row["dns_ptr"] = [*others, {"ip": address, "dns_ptr": name}]
        return
    raise ApiError("not_found", f"IP {address} does not belong to the resource")


def router(cloud: Cloud) -> APIRouter:  # noqa: PLR0915 - one statement per route
    """Routes under /v1/primary_ips."""
    api = APIRouter(prefix="/primary_ips")
    store = cloud.store

    def readdress(row: Row, command: str, server_id: int, address: str | None) -> Row:
        step = Step(
            command=command,
            targets=[("primary_ip", row["id"]), ("server", server_id)],
            job="server.address",
            arguments={"server_id": server_id, "address": address},
        )
        if row["type"] == "ipv6":  # the local cloud has no IPv6: only the books change
            return cloud.actions.done(command, *step.targets)
        return cloud.actions.queue(step)[0]

    def stopped_server(number: int) -> Row:
        server = cloud.row("servers", number)
        cloud.actions.check_free("server", number)
        if status_of(cloud, server) != "off":
            raise ApiError("server_not_stopped", "server must be powered off")
        return server

    def assign_to(row: Row, number: int) -> Row:
        server = stopped_server(number)
        if row["assignee_id"] is not None:
            raise ApiError("primary_ip_assigned", "primary IP is already assigned")
        if server["location"] != row["location"]:
            raise invalid("assignee_id", "server is in another location")
        for other in cloud.rows("primary_ips"):
            if other["assignee_id"] == number and other["type"] == row["type"]:
                raise ApiError("conflict", f"server already has an {row['type']}")
        row["assignee_id"] = number
        return readdress(row, "assign_primary_ip", number, row["ip"])

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        rows = cloud.rows("primary_ips")
        return listing(request, "primary_ips", rows, filters=("name", "ip", "type"), show=show_ip)

    @api.post("", status_code=201)
    def create(body: requests.PrimaryIpCreate) -> dict[str, Any]:
        with store.transaction():
            rules.check_name(body.name)
            rules.check_labels(body.labels)
            if body.datacenter is not None:
                raise invalid("datacenter", "was removed, use location instead")
            if (body.location is None) == (body.assignee_id is None):
                raise invalid("location", "either location or assignee_id must be given")
            if body.assignee_type != "server":
                raise invalid("assignee_type", "must be 'server'")
            cloud.check_unique("primary_ips", "name", body.name)
            if body.assignee_id is not None:
                place = cloud.row("servers", body.assignee_id)["location"]
            else:
                place = location(body.location)["name"]
            row = new_primary_ip(
                cloud,
                body.type,
                place,
                name=body.name,
                auto_delete=body.auto_delete,
                labels=body.labels,
            )
            action = assign_to(row, body.assignee_id) if body.assignee_id is not None else None
            return {"primary_ip": show_ip(row), "action": action}

    @api.get("/{number}")
    def show(number: int) -> dict[str, Any]:
        return {"primary_ip": show_ip(cloud.row("primary_ips", number))}

    @api.put("/{number}")
    def update(number: int, body: requests.Renamed) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("primary_ips", number)
            cloud.rename("primary_ips", row, body.name)
            if body.labels is not None:
                rules.check_labels(body.labels)
                row["labels"] = body.labels
            if body.auto_delete is not None:
                row["auto_delete"] = body.auto_delete
            return {"primary_ip": show_ip(row)}

    @api.delete("/{number}", status_code=204)
    def delete(number: int) -> None:
        with store.transaction() as tables:
            row = cloud.row("primary_ips", number)
            if row["protection"]["delete"]:
                raise protected("primary IP")
            if row["assignee_id"] is not None:
                stopped_server(row["assignee_id"])
            del tables["primary_ips"][str(number)]

    @api.post("/{number}/actions/assign", status_code=201)
    def assign(number: int, body: requests.PrimaryIpAssign) -> dict[str, Any]:
        with store.transaction():
            return {"action": assign_to(cloud.row("primary_ips", number), body.assignee_id)}

    @api.post("/{number}/actions/unassign", status_code=201)
    def unassign(number: int) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("primary_ips", number)
            server_id = row["assignee_id"]
            if server_id is None:
                raise ApiError("conflict", "primary IP is not assigned")
            stopped_server(server_id)
            row["assignee_id"] = None
            return {"action": readdress(row, "unassign_primary_ip", server_id, None)}

    @api.post("/{number}/actions/change_dns_ptr", status_code=201)
    def change_dns(number: int, body: requests.DnsPointer) -> dict[str, Any]:
        with store.transaction():
            set_dns([cloud.row("primary_ips", number)], body.ip, body.dns_ptr)
            return {"action": cloud.actions.done("change_dns_ptr", ("primary_ip", number))}

    @api.post("/{number}/actions/change_protection", status_code=201)
    def protect(number: int, body: requests.Protection) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("primary_ips", number)
            row["protection"] = {"delete": bool(body.delete)}
            return {"action": cloud.actions.done("change_protection", ("primary_ip", number))}

    return api
