"""The private network of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import ClassVar

import pulumi

from components.component import Component
from components.sdk import hcloud


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`zone` is a network zone, such as eu-central."""

    cidr: IPv4Network
    zone: str
    labels: dict[str, str]


class Network(Component):
    """A network with one subnet, which takes the first /24."""

    token: ClassVar[str] = "manacore:hetzner:Network"
    network_id: pulumi.Output[int]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None):
        """Make network and subnet."""
        super().__init__(name, opts)
        network = hcloud.Network(
            f"{name}-network",
            name=name,
            ip_range=str(args.cidr),
            labels=args.labels,
            opts=self.child_options(),
        )
        self.subnet = hcloud.NetworkSubnet(
            f"{name}-subnet",
            network_id=network.id.apply(int),
            type="cloud",
            network_zone=args.zone,
            ip_range=str(subnet(args.cidr)),
            opts=self.child_options(),
        )
        self.network_id = network.id.apply(int)
        self.register()


def subnet(cidr: IPv4Network) -> IPv4Network:
    """The subnet of servers: the first /24 of the network."""
    return next(cidr.subnets(new_prefix=max(24, cidr.prefixlen)))
