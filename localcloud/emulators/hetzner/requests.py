"""Bodies of requests: their fields and types; what they mean is checked where they are used."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Labels = dict[str, str]
Key = int | str
"""An id, or a name where the API takes either."""


class Renamed(BaseModel):
    """Name and labels: what every resource lets be changed."""

    name: str | None = None
    labels: Labels | None = None
    auto_delete: bool | None = None
    expose_routes_to_vswitch: bool | None = None


class PublicNet(BaseModel):
    """A new server's public network."""

    enable_ipv4: bool = True
    enable_ipv6: bool = True
    ipv4: int | None = None
    ipv6: int | None = None


class FirewallReference(BaseModel):
    """A firewall of a new server."""

    firewall: int


class ServerCreate(BaseModel):
    """A new server."""

    name: str
    server_type: Key
    image: Key
    location: Key | None = None
    datacenter: Key | None = None
    start_after_create: bool = True
    ssh_keys: list[Key] = []
    volumes: list[int] = []
    networks: list[int] = []
    firewalls: list[FirewallReference] = []
    user_data: str = ""
    labels: Labels = {}
    automount: bool = False
    placement_group: int | None = None
    public_net: PublicNet = Field(default_factory=PublicNet)


class Protection(BaseModel):
    """A change of protection."""

    delete: bool | None = None
    rebuild: bool | None = None


class ChangeType(BaseModel):
    """Another server type."""

    server_type: Key
    upgrade_disk: bool


class Rebuild(BaseModel):
    """The same server from an image."""

    image: Key
    user_data: str | None = None


class AttachToNetwork(BaseModel):
    """A server's place on a network."""

    network: int
    ip: str | None = None
    alias_ips: list[str] = []
    ip_range: str | None = None


class NetworkReference(BaseModel):
    """A network that a server is on."""

    network: int
    alias_ips: list[str] = []


class DnsPointer(BaseModel):
    """A reverse DNS entry; without a pointer: the default one."""

    ip: str
    dns_ptr: str | None


class PlacementGroupReference(BaseModel):
    """A placement group to join."""

    placement_group: int


class SshKeyCreate(BaseModel):
    """A new SSH key."""

    name: str
    public_key: str
    labels: Labels = {}


class Subnet(BaseModel):
    """A subnet."""

    type: Literal["cloud", "server", "vswitch"]
    network_zone: str
    ip_range: str | None = None
    vswitch_id: int | None = None


class Route(BaseModel):
    """A route of a network."""

    destination: str
    gateway: str


class NetworkCreate(BaseModel):
    """A new network."""

    name: str
    ip_range: str
    subnets: list[Subnet] = []
    routes: list[Route] = []
    labels: Labels = {}
    expose_routes_to_vswitch: bool = False


class RangeReference(BaseModel):
    """A range of a network."""

    ip_range: str


class FirewallCreate(BaseModel):
    """A new firewall."""

    name: str
    labels: Labels = {}
    rules: list[dict[str, Any]] = []
    apply_to: list[dict[str, Any]] = []


class FirewallRules(BaseModel):
    """All rules of a firewall."""

    rules: list[dict[str, Any]]


class ApplyTo(BaseModel):
    """Resources that a firewall is applied to."""

    apply_to: list[dict[str, Any]]


class RemoveFrom(BaseModel):
    """Resources that a firewall is taken from."""

    remove_from: list[dict[str, Any]]


class VolumeCreate(BaseModel):
    """A new volume."""

    name: str
    size: int
    location: Key | None = None
    server: int | None = None
    format: Literal["ext4", "xfs"] | None = None
    automount: bool | None = None
    labels: Labels = {}


class VolumeAttach(BaseModel):
    """The server for a volume."""

    server: int
    automount: bool | None = None


class VolumeResize(BaseModel):
    """A volume's new size in GB."""

    size: int


class PrimaryIpCreate(BaseModel):
    """A new primary IP."""

    name: str
    type: Literal["ipv4", "ipv6"]
    location: Key | None = None
    datacenter: Key | None = None
    assignee_id: int | None = None
    assignee_type: str = "server"
    auto_delete: bool = False
    labels: Labels = {}


class PrimaryIpAssign(BaseModel):
    """The server for a primary IP."""

    assignee_id: int
    assignee_type: str = "server"


class PlacementGroupCreate(BaseModel):
    """A new placement group."""

    name: str
    type: Literal["spread"]
    labels: Labels = {}
