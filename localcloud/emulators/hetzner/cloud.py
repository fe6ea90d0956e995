"""The project's state and the rules that hold across kinds of resources."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from localcloud.emulators.hetzner import catalogue, rules
from localcloud.emulators.hetzner.actions import Actions
from localcloud.emulators.hetzner.errors import ApiError, invalid, not_found, not_unique
from localcloud.emulators.store import Row, Store, Table
from localcloud.machines.machine import Machines

PUBLIC_RANGE = ipaddress.IPv4Network("198.51.100.0/24")
FIRST_HOST = 10
"""The first addresses belong to the local cloud itself (gateway, registry)."""
IPV6_PREFIX = int(ipaddress.IPv6Address("2001:db8:5c01::"))

KINDS = {
    "servers": "server",
    "ssh_keys": "ssh_key",
    "networks": "network",
    "firewalls": "firewall",
    "volumes": "volume",
    "primary_ips": "primary_ip",
    "placement_groups": "placement_group",
    "actions": "action",
}
LIMITS = {
    "servers": 25,
    "networks": 50,
    "firewalls": 50,
    "volumes": 50,
    "primary_ips": 50,
    "ssh_keys": 100,
    "placement_groups": 50,
}


class Cloud:
    """Everything of one project."""

    def __init__(self, store: Store, machines: Machines, action_seconds: float = 0.0) -> None:
        """A project on this state; `machines` run its servers."""
        self.store = store
        self.machines = machines
        self.actions = Actions(store, action_seconds)

    def row(self, table: str, key: object) -> Row:
        """A resource by its id; the caller holds the store."""
        with self.store.reading() as tables:
            row = tables[table].get(str(key))
        if row is None:
            raise not_found(KINDS[table], key)
        return row

    def find(self, table: str, key: object) -> Row | None:
        """A resource by id, or None."""
        with self.store.reading() as tables:
            return tables[table].get(str(key))

    def rows(self, table: str) -> list[Row]:
        """All resources of a kind."""
        with self.store.reading() as tables:
            return list(tables[table].values())

    def add(self, table: str, row: Row) -> Row:
        """Keep a new resource under its id; refused when the project has too many."""
        with self.store.transaction() as tables:
            if len(tables[table]) >= LIMITS[table]:
                raise ApiError("resource_limit_exceeded", f"{KINDS[table]} limit exceeded")
            tables[table][str(row["id"])] = row
        return row

    def check_unique(self, table: str, field: str, value: str, besides: int | None = None) -> None:
        """Refuse a value that another resource of the kind has."""
        if any(row[field] == value and row["id"] != besides for row in self.rows(table)):
            raise not_unique(field)

    def rename(self, table: str, row: Row, name: str | None) -> None:
        """Give a resource another name."""
        if name is None or name == row["name"]:
            return
        rules.check_name(name)
        self.check_unique(table, "name", name, row["id"])
        row["name"] = name


def location(key: object, field: str = "location") -> Row:
    """A location by name or id."""
    found = by_key(catalogue.LOCATIONS, key)
    if found is None:
        raise invalid(field, f"location '{key}' does not exist")
    return found


def server_type(key: object) -> Row:
    """A server type that can be ordered."""
    found = by_key(catalogue.SERVER_TYPES, key)
    if found is None:
        raise invalid("server_type", f"server type '{key}' does not exist")
    return found


def check_offered(kind: Row, place: Row) -> None:
    """Refuse a server type in a location that does not have it."""
    if place["name"] not in [item["name"] for item in kind["locations"]]:
        message = f"server type '{kind['name']}' is not supported in location '{place['name']}'"
        raise ApiError(
            "invalid_input",
            f"unsupported location for server type: {message}",
            {"fields": [{"name": "server_type", "messages": [message]}]},
        )


def image(key: object, architecture: str) -> Row:
    """An image by id, or by name for an architecture."""
    for item in catalogue.IMAGES:
        if str(item["id"]) == str(key):
            if item["architecture"] != architecture:
                raise invalid("image", f"image is not of architecture {architecture}")
            return item
        if item["name"] == key and item["architecture"] == architecture:
            return item
    raise invalid("image", f"image '{key}' does not exist")


def by_key(rows: Iterable[Row], key: object) -> Row | None:
    """A row by id (as number or digits) or by name."""
    return next((row for row in rows if str(row["id"]) == str(key) or row["name"] == key), None)


def free_ipv4(table: Table) -> str:
    """The lowest public address that no primary IP has."""
    used = {row["ip"] for row in table.values()}
    for number in range(FIRST_HOST, PUBLIC_RANGE.num_addresses - 1):
        address = str(PUBLIC_RANGE[number])
        if address not in used:
            return address
    raise ApiError("resource_unavailable", "no IPv4 address is left")


def free_ipv6(table: Table) -> str:
    """The lowest /64 that no primary IP has."""
    used = {row["ip"] for row in table.values()}
    for number in range(1, 2**16):
        network = str(ipaddress.IPv6Network((IPV6_PREFIX + (number << 64), 64)))
        if network not in used:
            return network
    raise ApiError("resource_unavailable", "no IPv6 network is left")


def free_private_ip(network: Row, subnet: Row, used: set[str]) -> str:
    """The lowest address of a subnet that no server has; the gateway is the network's first."""
    block = ipaddress.IPv4Network(subnet["ip_range"])
    gateway = str(ipaddress.IPv4Network(network["ip_range"])[1])
    for address in block.hosts():
        text = str(address)
        if text not in used and text != gateway:
            return text
    raise ApiError("no_subnet_available", "no free address is left in the subnet")
