"""Servers as the API shows them, and the jobs that make, change and remove their machines."""

from __future__ import annotations

import ipaddress
from typing import Protocol, cast, runtime_checkable

from localcloud.emulators.hetzner import catalogue
from localcloud.emulators.hetzner.actions import now
from localcloud.emulators.hetzner.cloud import Cloud, by_key, free_ipv4, free_ipv6, free_private_ip
from localcloud.emulators.hetzner.errors import ApiError, invalid
from localcloud.emulators.store import Row
from localcloud.machines.machine import MachineSpec


@runtime_checkable
class Readdressable(Protocol):
    """Machines that can change the public address of a server that exists."""

    def set_public_ipv4(self, server_id: int, address: str | None) -> None:
        """Give the server another public address, or none."""
        ...


def show_server(cloud: Cloud, row: Row) -> Row:
    """A server in the API's form."""
    kind = by_key(catalogue.SERVER_TYPES, row["server_type"])
    ips = {ip["type"]: ip for ip in cloud.rows("primary_ips") if ip["assignee_id"] == row["id"]}
    volumes = [item["id"] for item in cloud.rows("volumes") if item["server"] == row["id"]]
    group = cloud.find("placement_groups", row["placement_group"])
    return {
        "id": row["id"],
        "name": row["name"],
        "status": status_of(cloud, row),
        "created": row["created"],
        "public_net": {
            "ipv4": _show_ip(ips.get("ipv4")),
            "ipv6": _show_ip(ips.get("ipv6")),
            "floating_ips": [],
            "firewalls": [
                {"id": item["id"], "status": "applied"}
                for item in cloud.rows("firewalls")
                if firewall_covers(item, row)
            ],
        },
        "private_net": row["private_net"],
        "server_type": kind,
        "location": by_key(catalogue.LOCATIONS, row["location"]),
        "image": by_key(catalogue.IMAGES, row["image"]),
        "iso": None,
        "rescue_enabled": False,
        "locked": cloud.actions.is_busy("server", row["id"]),
        "backup_window": row["backup_window"],
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
        "included_traffic": 20 * 1024**4,
        "protection": row["protection"],
        "labels": row["labels"],
        "volumes": volumes,
        "load_balancers": [],
        "primary_disk_size": row["primary_disk_size"],
        "placement_group": group,
    }


def _show_ip(ip: Row | None) -> Row | None:
    if ip is None:
        return None
    shown: Row = {"id": ip["id"], "ip": ip["ip"], "blocked": False, "dns_ptr": ip["dns_ptr"]}
    if ip["type"] == "ipv4":
        shown["dns_ptr"] = ip["dns_ptr"][0]["dns_ptr"]
    return shown


def firewall_covers(firewall: Row, server: Row) -> bool:
    """Whether a firewall is applied to a server, by name or by label."""
    from localcloud.emulators.hetzner.rules import matches_selector  # noqa: PLC0415

    return any(
        item["server"]["id"] == server["id"]
        if item["type"] == "server"
        else matches_selector(server["labels"], item["label_selector"]["selector"])
        for item in firewall["applied_to"]
    )


def status_of(cloud: Cloud, row: Row) -> str:
    """The API's status: what an action does with the server, else what the machine says."""
    if row["_state"]:
        return cast("str", row["_state"])
    status = cloud.machines.status(row["id"])
    return "off" if status == "missing" else status


def new_primary_ip(cloud: Cloud, kind: str, place: str, **fields: object) -> Row:
    """A primary IP with a free address."""
    with cloud.store.transaction() as tables:
        number = cloud.store.next_id("primary_ips", 400)
        address = (free_ipv4 if kind == "ipv4" else free_ipv6)(tables["primary_ips"])
        row: Row = {
            "id": number,
            "name": f"primary_ip-{number}",
            "type": kind,
            "ip": address,
            "location": place,
            "assignee_id": None,
            "assignee_type": "server",
            "auto_delete": False,
            "blocked": False,
            "created": now(),
            "dns_ptr": default_dns(kind, address),
            "labels": {},
            "protection": {"delete": False},
            **fields,
        }
        return cloud.add("primary_ips", row)


def default_dns(kind: str, address: str) -> list[Row]:
    """The reverse DNS entries of an address that nobody has set."""
    if kind == "ipv6":
        return []
    name = ".".join(reversed(address.split(".")))
    return [{"ip": address, "dns_ptr": f"static.{name}.clients.your-server.de"}]


def reserve_place(cloud: Cloud, server: Row, network: Row, wanted: dict[str, object]) -> Row:
    """The server's entry on a network, with an address of its own; kept in the server."""
    if any(item["network"] == network["id"] for item in server["private_net"]):
        raise ApiError("server_already_attached", "server is already attached to the network")
    subnets = [item for item in network["subnets"] if item["type"] != "vswitch"]
    ip_range = wanted.get("ip_range")
    if ip_range:
        subnets = [item for item in subnets if item["ip_range"] == ip_range]
    if not subnets:
        raise ApiError("no_subnet_available", "network has no subnet for the server")
    used = {
        address
        for item in cloud.rows("servers")
        for place in item["private_net"]
        if place["network"] == network["id"]
        for address in (place["ip"], *place["alias_ips"])
    }
    ip = wanted.get("ip")
    if ip:
        check_address(network, str(ip), used)
        address = str(ip)
    else:
        address = free_private_ip(network, subnets[-1], used)
    aliases = cast("list[str]", wanted.get("alias_ips") or [])
    for alias in aliases:
        check_address(network, alias, used | {address})
    mac = "86:00:00:" + ":".join(f"{part:02x}" for part in (server["id"] % 65536).to_bytes(2))
    place: Row = {
        "network": network["id"],
        "ip": address,
        "alias_ips": aliases,
        "mac_address": f"{mac}:{len(server['private_net']):02x}",
    }
    server["private_net"].append(place)
    return place


def check_address(network: Row, address: str, used: set[str]) -> None:
    """Refuse an address outside of the network's subnets, reserved or in use."""
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError as error:
        raise invalid("ip", f"must be an IPv4 address: {error}") from error
    blocks = [ipaddress.IPv4Network(item["ip_range"]) for item in network["subnets"]]
    if not any(parsed in block for block in blocks):
        raise invalid("ip", "must be in one of the network's subnets")
    if parsed == ipaddress.IPv4Network(network["ip_range"])[1]:
        raise ApiError("ip_not_available", "the network's first address is its gateway")
    if address in used:
        raise ApiError("ip_not_available", f"IP {address} is not available")


class ServerJobs:
    """What the actions on servers do; each may be repeated."""

    def __init__(self, cloud: Cloud) -> None:
        """Jobs on the project's servers."""
        self._cloud = cloud
        cloud.actions.register(
            {
                "server.create": self.create,
                "server.delete": self.delete,
                "server.power": self.power,
                "server.rebuild": self.rebuild,
                "server.change_type": self.change_type,
                "server.attach_network": self.attach_network,
                "server.detach_network": self.detach_network,
                "server.address": self.address,
            }
        )

    def _settle(self, server_id: int) -> None:
        with self._cloud.store.transaction():
            row = self._cloud.find("servers", server_id)
            if row is not None:
                row["_state"] = None

    def _make_machine(self, row: Row) -> None:
        """Create the machine with all that belongs to it; also after it was lost."""
        machines = self._cloud.machines
        ips = self._cloud.rows("primary_ips")
        ipv4 = [i["ip"] for i in ips if i["assignee_id"] == row["id"] and i["type"] == "ipv4"]
        machines.create(
            MachineSpec(
                id=row["id"],
                name=row["name"],
                image=catalogue_name(row["image"]),
                user_data=row["_user_data"],
                ssh_keys=tuple(row["_ssh_keys"]),
                public_ipv4=ipv4[0] if ipv4 else None,
                labels=row["labels"],
            )
        )
        for volume in self._cloud.rows("volumes"):
            if volume["server"] == row["id"] and volume["status"] == "available":
                machines.attach_volume(row["id"], volume["id"])
        for place in row["private_net"]:
            self._connect(row["id"], place)

    def _connect(self, server_id: int, place: Row) -> None:
        network = self._cloud.row("networks", place["network"])
        # Networks are made when the first server joins: the call does nothing for one that is.
        self._cloud.machines.create_network(network["id"], network["ip_range"])
        self._cloud.machines.attach_network(server_id, network["id"], place["ip"])

    def create(self, server_id: int, start: bool) -> None:
        """Boot a new server, or leave it off: then its machine is made when it is started."""
        if start:
            self._make_machine(self._cloud.row("servers", server_id))
        self._settle(server_id)

    def delete(self, server_id: int) -> None:
        """Remove a server; what it was attached to stays, except automatic primary IPs."""
        self._cloud.machines.delete(server_id)
        with self._cloud.store.transaction() as tables:
            tables["servers"].pop(str(server_id), None)
            for volume in tables["volumes"].values():
                if volume["server"] == server_id:
                    volume["server"] = None
            for key, ip in list(tables["primary_ips"].items()):
                if ip["assignee_id"] == server_id:
                    ip["assignee_id"] = None
                    if ip["auto_delete"] and not ip["protection"]["delete"]:
                        del tables["primary_ips"][key]
            for firewall in tables["firewalls"].values():
                firewall["applied_to"] = [
                    item
                    for item in firewall["applied_to"]
                    if item["type"] != "server" or item["server"]["id"] != server_id
                ]
            for group in tables["placement_groups"].values():
                group["servers"] = [item for item in group["servers"] if item != server_id]

    def power(self, server_id: int, how: str) -> None:
        """Switch the machine on or off, or restart it."""
        machines = self._cloud.machines
        row = self._cloud.row("servers", server_id)
        missing = machines.status(server_id) == "missing"
        if how in ("on", "reset", "reboot") and missing:
            self._make_machine(row)
        elif how == "on":
            machines.power_on(server_id)
        elif how == "off" and not missing:
            machines.power_off(server_id)
        elif how == "shutdown" and not missing:
            machines.shutdown(server_id)
        elif how == "reset":
            machines.reset(server_id)
        elif how == "reboot":
            machines.shutdown(server_id)
            machines.power_on(server_id)
        self._settle(server_id)

    def rebuild(self, server_id: int) -> None:
        """Make the machine anew from the image; its disk is lost, volumes and addresses stay."""
        self._cloud.machines.delete(server_id)
        self._make_machine(self._cloud.row("servers", server_id))
        self._settle(server_id)

    def change_type(self, server_id: int, server_type: str, disk: int) -> None:
        """Another size, after which the API starts the server, whoever had switched it off.

        The machine shares its host's cores and memory, so only facts change.
        """
        with self._cloud.store.transaction():
            row = self._cloud.row("servers", server_id)
            row.update(server_type=server_type, primary_disk_size=disk)
        self.power(server_id, "on")

    def attach_network(self, server_id: int, network_id: int) -> None:
        """Connect the machine, when there is one: a server that never ran has none."""
        if self._cloud.machines.status(server_id) == "missing":
            return
        places = self._cloud.row("servers", server_id)["private_net"]
        for place in [item for item in places if item["network"] == network_id]:
            self._connect(server_id, place)

    def detach_network(self, server_id: int, network_id: int) -> None:
        """Disconnect the machine and free its address."""
        if self._cloud.machines.status(server_id) != "missing":
            self._cloud.machines.detach_network(server_id, network_id)
        with self._cloud.store.transaction():
            row = self._cloud.row("servers", server_id)
            row["private_net"] = [i for i in row["private_net"] if i["network"] != network_id]

    def address(self, server_id: int, address: str | None) -> None:
        """Give the machine another public address, where machines can."""
        machines = self._cloud.machines
        if machines.status(server_id) == "missing":
            return
        if isinstance(machines, Readdressable):
            machines.set_public_ipv4(server_id, address)


def catalogue_name(image_id: int) -> str:
    """Name of an image."""
    found = by_key(catalogue.IMAGES, image_id)
    if found is None:
        raise invalid("image", f"image '{image_id}' does not exist")
    return cast("str", found["name"])
