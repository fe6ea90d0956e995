"""A public address, kept apart from the server so that a rebuild keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.sdk import hcloud


@dataclass(frozen=True, kw_only=True)
class AddressArgs:
    """`reverse_name` is what the address resolves back to."""

    location: str
    reverse_name: str
    protect: bool
    labels: dict[str, str]


class Address(Component):
    """A primary IPv4 address with its reverse name."""

    token: ClassVar[str] = "manacore:hetzner:Address"
    address_id: pulumi.Output[int]
    ipv4: pulumi.Output[str]

    def __init__(self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None):
        """Reserve the address."""
        super().__init__(name, opts)
        address = hcloud.PrimaryIp(
            f"{name}-ipv4",
            name=f"{name}-ipv4",
            type="ipv4",
            location=args.location,
            # It outlives its server: names point to it.
            auto_delete=False,
            delete_protection=args.protect,
            labels=args.labels,
            opts=pulumi.ResourceOptions.merge(
                self.child_options(),
                # A new address takes days to be known everywhere.
                pulumi.ResourceOptions(protect=args.protect),
            ),
        )
        hcloud.Rdns(
            f"{name}-reverse",
            primary_ip_id=address.id.apply(int),
            ip_address=address.ip_address,
            dns_ptr=args.reverse_name,
            opts=self.child_options(),
        )
        self.address_id = address.id.apply(int)
        self.ipv4 = address.ip_address
        self.register()
