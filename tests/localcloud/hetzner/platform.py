"""The program of the engine tests: one server with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_hcloud as hcloud

from tests.localcloud.hetzner.conftest import TOKEN

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPItbDQy/dBNWCfKRyoBUD5ogCNCl4OUcRkkZMPqDhQ test"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The program of these tests: one server with all that belongs to it."""

    endpoint: str
    server_type: str = "ccx33"
    user_data: str = "#cloud-config\n{}\n"
    labels: tuple[tuple[str, str], ...] = (("stack", "staging"),)
    port: str = "443"
    size: int = 20
    protected: bool = False

    def __call__(self) -> None:
        provider = hcloud.Provider(
            "cloud", token=TOKEN, endpoint=self.endpoint, poll_interval="20ms"
        )
        options = pulumi.ResourceOptions(provider=provider)
        key = hcloud.SshKey("deploy", name="deploy", public_key=KEY, opts=options)
        network = hcloud.Network("private", name="private", ip_range="10.0.0.0/16", opts=options)
        subnet = hcloud.NetworkSubnet(
            "apps",
            network_id=network.id.apply(int),
            type="cloud",
            network_zone="eu-central",
            ip_range="10.0.1.0/24",
            opts=options,
        )
        firewall = hcloud.Firewall(
            "edge",
            name="edge",
            rules=[
                hcloud.FirewallRuleArgs(
                    direction="in",
                    protocol="tcp",
                    port=self.port,
                    source_ips=["0.0.0.0/0", "::/0"],
                )
            ],
            opts=options,
        )
        address = hcloud.PrimaryIp(
            "public",
            name="public",
            type="ipv4",
            location="fsn1",
            assignee_type="server",
            auto_delete=False,
            opts=options,
        )
        group = hcloud.PlacementGroup("spread", name="spread", type="spread", opts=options)
        volume = hcloud.Volume(
            "data", name="data", size=self.size, location="fsn1", format="ext4", opts=options
        )
        server = hcloud.Server(
            "staging-1",
            name="staging-1",
            server_type=self.server_type,
            image="debian-13",
            location="fsn1",
            ssh_keys=[key.id],
            user_data=self.user_data,
            labels=dict(self.labels),
            firewall_ids=[firewall.id.apply(int)],
            placement_group_id=group.id.apply(int),
            public_nets=[
                hcloud.ServerPublicNetArgs(
                    ipv4_enabled=True, ipv4=address.id.apply(int), ipv6_enabled=False
                )
            ],
            networks=[hcloud.ServerNetworkArgs(subnet_id=subnet.id, ip="10.0.1.5")],
            delete_protection=self.protected,
            rebuild_protection=self.protected,
            # A name that is fixed: the old server goes first.
            opts=pulumi.ResourceOptions(provider=provider, delete_before_replace=True),
        )
        hcloud.VolumeAttachment(
            "data-attached",
            volume_id=volume.id.apply(int),
            server_id=server.id.apply(int),
            opts=options,
        )
        hcloud.Rdns(
            "name",
            primary_ip_id=address.id.apply(int),
            ip_address=address.ip_address,
            dns_ptr="staging.example.com",
            opts=options,
        )


RESOURCES = 10 + 2
"""What the program registers, with the stack and its provider."""
