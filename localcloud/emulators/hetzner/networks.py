"""Routes of networks."""

from __future__ import annotations

import ipaddress
from typing import Any

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import catalogue, requests, rules
from localcloud.emulators.hetzner.actions import now
from localcloud.emulators.hetzner.cloud import Cloud
from localcloud.emulators.hetzner.errors import ApiError, invalid, protected
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.store import Row

ZONES = frozenset(place["network_zone"] for place in catalogue.LOCATIONS)


def add_subnet(row: Row, body: requests.Subnet) -> None:
    """Give a network another subnet."""
    whole = ipaddress.IPv4Network(row["ip_range"])
    if body.network_zone not in ZONES:
        raise invalid("network_zone", f"must be one of: {', '.join(sorted(ZONES))}")
    if row["subnets"] and row["subnets"][0]["network_zone"] != body.network_zone:
        raise invalid("network_zone", "all subnets of a network must be in one network zone")
    taken = [ipaddress.IPv4Network(item["ip_range"]) for item in row["subnets"]]
    if body.ip_range is None:
        size = max(24, whole.prefixlen)
        free = (b for b in whole.subnets(new_prefix=size) if not any(b.overlaps(t) for t in taken))
        block = next(free, None)
        if block is None:
            raise invalid("ip_range", "no range is left in the network")
    else:
        block = rules.private_range(body.ip_range)
    if not block.subnet_of(whole):
        raise invalid("ip_range", "must be a part of the network's range")
    if any(block.overlaps(other) for other in taken):
        raise ApiError("networks_overlap", "subnet overlaps with another one")
    if block.prefixlen > 30:
        raise invalid("ip_range", "must be at least a /30")
    row["subnets"].append(
        {
            "type": body.type,
            "ip_range": str(block),
            "network_zone": body.network_zone,
            "gateway": str(whole[1]),
            "vswitch_id": body.vswitch_id,
        }
    )


def add_route(row: Row, body: requests.Route) -> None:
    """Give a network another route."""
    try:
        destination = ipaddress.IPv4Network(body.destination)
        gateway = ipaddress.IPv4Address(body.gateway)
    except ValueError as error:
        raise invalid("destination", str(error)) from error
    if gateway not in ipaddress.IPv4Network(row["ip_range"]):
        raise invalid("gateway", "must be an address of the network")
    row["routes"].append({"destination": str(destination), "gateway": str(gateway)})


def router(cloud: Cloud) -> APIRouter:  # noqa: PLR0915 - one statement per route
    """Routes under /v1/networks."""
    api = APIRouter(prefix="/networks")
    store = cloud.store

    def members(number: int) -> list[int]:
        return [
            server["id"]
            for server in cloud.rows("servers")
            if any(place["network"] == number for place in server["private_net"])
        ]

    def show_network(row: Row) -> Row:
        return {**row, "servers": members(row["id"]), "load_balancers": []}

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        return listing(request, "networks", cloud.rows("networks"), show=show_network)

    @api.post("", status_code=201)
    def create(body: requests.NetworkCreate) -> dict[str, Any]:
        with store.transaction():
            rules.check_name(body.name)
            rules.check_labels(body.labels)
            block = rules.private_range(body.ip_range)
            if block.prefixlen > 24:
                raise invalid("ip_range", "must be at least a /24")
            cloud.check_unique("networks", "name", body.name)
            row: Row = {
                "id": cloud.store.next_id("networks", 200),
                "name": body.name,
                "ip_range": str(block),
                "subnets": [],
                "routes": [],
                "protection": {"delete": False},
                "labels": body.labels,
                "created": now(),
                "expose_routes_to_vswitch": body.expose_routes_to_vswitch,
            }
            for subnet in body.subnets:
                add_subnet(row, subnet)
            for route in body.routes:
                add_route(row, route)
            cloud.add("networks", row)
            return {"network": show_network(row)}

    @api.get("/{number}")
    def show(number: int) -> dict[str, Any]:
        with store.reading():
            return {"network": show_network(cloud.row("networks", number))}

    @api.put("/{number}")
    def update(number: int, body: requests.Renamed) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("networks", number)
            cloud.rename("networks", row, body.name)
            if body.labels is not None:
                rules.check_labels(body.labels)
                row["labels"] = body.labels
            if body.expose_routes_to_vswitch is not None:
                row["expose_routes_to_vswitch"] = body.expose_routes_to_vswitch
            return {"network": show_network(row)}

    @api.delete("/{number}", status_code=204)
    def delete(number: int) -> None:
        with store.transaction():
            row = cloud.row("networks", number)
            cloud.actions.check_free("network", number)
            if row["protection"]["delete"]:
                raise protected("network")
        # The vendor detaches what is on it; the machines do so with their network.
        cloud.machines.delete_network(number)
        with store.transaction() as tables:
            for server in tables["servers"].values():
                server["private_net"] = [
                    place for place in server["private_net"] if place["network"] != number
                ]
            tables["networks"].pop(str(number), None)

    def act(number: int, command: str) -> dict[str, Any]:
        return {"action": cloud.actions.done(command, ("network", number))}

    @api.post("/{number}/actions/add_subnet", status_code=201)
    def subnet_add(number: int, body: requests.Subnet) -> dict[str, Any]:
        with store.transaction():
            add_subnet(cloud.row("networks", number), body)
            return act(number, "add_subnet")

    @api.post("/{number}/actions/delete_subnet", status_code=201)
    def subnet_delete(number: int, body: requests.RangeReference) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("networks", number)
            left = [item for item in row["subnets"] if item["ip_range"] != body.ip_range]
            if len(left) == len(row["subnets"]):
                raise ApiError("not_found", f"subnet {body.ip_range} not found")
            block = ipaddress.IPv4Network(body.ip_range)
            for server in cloud.rows("servers"):
                for place in server["private_net"]:
                    here = place["network"] == number
                    if here and ipaddress.IPv4Address(place["ip"]) in block:
                        raise ApiError("service_error", "servers are attached to the subnet")
            row["subnets"] = left
            return act(number, "delete_subnet")

    @api.post("/{number}/actions/add_route", status_code=201)
    def route_add(number: int, body: requests.Route) -> dict[str, Any]:
        with store.transaction():
            add_route(cloud.row("networks", number), body)
            return act(number, "add_route")

    @api.post("/{number}/actions/delete_route", status_code=201)
    def route_delete(number: int, body: requests.Route) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("networks", number)
            if body.model_dump() not in row["routes"]:
                raise ApiError("not_found", f"route {body.destination} not found")
            row["routes"].remove(body.model_dump())
            return act(number, "delete_route")

    @api.post("/{number}/actions/change_ip_range", status_code=201)
    def change_range(number: int, body: requests.RangeReference) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("networks", number)
            wider = rules.private_range(body.ip_range)
            if not ipaddress.IPv4Network(row["ip_range"]).subnet_of(wider):
                raise invalid("ip_range", "must contain the present range")
            row["ip_range"] = str(wider)
            return act(number, "change_ip_range")

    @api.post("/{number}/actions/change_protection", status_code=201)
    def protect(number: int, body: requests.Protection) -> dict[str, Any]:
        with store.transaction():
            cloud.row("networks", number)["protection"] = {"delete": bool(body.delete)}
            return act(number, "change_protection")

    return api
