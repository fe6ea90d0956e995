"""A server: its host key, its data volume, the machine itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.hetzner.cloudinit import DATA_ROOT, CloudInit
from components.hetzner.hostkey import host_key, seed_of
from components.hetzner.servertypes import Location, ServerType
from components.sdk import hcloud, random

IMAGE = "debian-13"
DISK_ROOT = "/srv/manacore/data"


@dataclass(frozen=True, kw_only=True)
class ServerArgs:
    """One server. `volume` is the size of its data volume in GB, 0 for none.

    A change of what cloud-init does (user, keys, volume) replaces the server: that is how it gets
    the change. The address and the volume stay.
    """

    hostname: str
    server_type: ServerType
    location: Location
    user: str
    authorized_keys: Mapping[str, str]
    key_ids: pulumi.Input[list[str]]
    address_id: pulumi.Input[int]
    ipv4: pulumi.Input[str]
    network_id: pulumi.Input[int]
    private_ip: str
    firewall_id: pulumi.Input[int]
    placement_group_id: pulumi.Input[int]
    volume: int
    backups: bool
    protect: bool
    labels: dict[str, str]
    subnet: pulumi.Resource


class Server(Component):
    """A Debian server with Docker, ready a while after it was made."""

    token: ClassVar[str] = "manacore:hetzner:Server"
    server_id: pulumi.Output[str]
    ipv4: pulumi.Output[str]
    private_ip: pulumi.Output[str]
    host_key: pulumi.Output[str]

    def __init__(self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None):
        """Make volume and server, and attach the one to the other."""
        super().__init__(name, opts)
        # Not RandomBytes: the state keeps its value as its id, in plain text.
        secret = random.RandomPassword(
            f"{name}-hostkey", length=64, special=False, opts=self.child_options()
        ).result
        self.host_key = pulumi.Output.unsecret(
            secret.apply(lambda text: host_key(seed_of(text)).public)
        )
        volume = self._volume(name, args) if args.volume else None
        device = volume.linux_device if volume else pulumi.Output.from_input("")
        user_data = pulumi.Output.all(secret, device).apply(
            lambda both: CloudInit(
                hostname=args.hostname,
                user=args.user,
                authorized_keys=[key.strip() for _, key in sorted(args.authorized_keys.items())],
                host_key=host_key(seed_of(both[0])),
                device=both[1] or None,
            ).text()
        )
        self.resource = hcloud.Server(
            f"{name}-server",
            name=args.hostname,
            server_type=args.server_type.value,
            # A disk that has grown can never go back to a smaller type, and data is elsewhere.
            keep_disk=True,
            image=IMAGE,
            location=args.location.value,
            user_data=user_data,
            ssh_keys=args.key_ids,
            public_nets=[{"ipv4_enabled": True, "ipv4": args.address_id, "ipv6_enabled": False}],
            networks=[{"network_id": args.network_id, "ip": args.private_ip}],
            firewall_ids=[args.firewall_id],
            placement_group_id=args.placement_group_id,
            backups=args.backups,
            # The API wants both to be the same.
            delete_protection=args.protect,
            rebuild_protection=args.protect,
            shutdown_before_deletion=True,
            labels=args.labels,
            opts=pulumi.ResourceOptions.merge(
                self.child_options(),
                pulumi.ResourceOptions(
                    # Hetzner refuses late: after what ran on it is forgotten, and it is shut down.
                    protect=args.protect,
                    # Name and address are taken until the old server is gone.
                    delete_before_replace=True,
                    # A network without its subnet has no address to give.
                    depends_on=[args.subnet],
                ),
            ),
        )
        if volume:
            hcloud.VolumeAttachment(
                f"{name}-attachment",
                volume_id=volume.id.apply(int),
                server_id=self.resource.id.apply(int),
                # cloud-init mounts it: at a path of ours, and before Docker starts.
                automount=False,
                opts=pulumi.ResourceOptions.merge(
                    self.child_options(),
                    # Deleting the server detaches it.
                    pulumi.ResourceOptions(
                        deleted_with=self.resource,
                        replace_with=[self.resource],
                        delete_before_replace=True,
                    ),
                ),
            )
        self.data_root = DATA_ROOT if args.volume else DISK_ROOT
        self.server_id = self.resource.id.apply(str)
        self.ipv4 = pulumi.Output.from_input(args.ipv4)
        self.private_ip = self.resource.id.apply(lambda _: args.private_ip)
        self.register()

    def _volume(self, name: str, args: ServerArgs) -> hcloud.Volume:
        return hcloud.Volume(
            f"{name}-volume",
            name=f"{args.hostname}-data",
            size=args.volume,
            location=args.location.value,
            format="ext4",
            delete_protection=args.protect,
            labels=args.labels,
            opts=pulumi.ResourceOptions.merge(
                self.child_options(),
                # It holds every database: no mistake of ours may delete it.
                pulumi.ResourceOptions(protect=args.protect),
            ),
        )
