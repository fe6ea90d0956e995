"""Hetzner: the network and the servers of a stack, each with its Docker host."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import pulumi

from components.docker.host import Host, HostArgs, RegistryLogin
from components.hetzner.address import Address, AddressArgs
from components.hetzner.firewall import Firewall, FirewallArgs
from components.hetzner.network import Network, NetworkArgs, subnet
from components.hetzner.placement import Placement, PlacementArgs
from components.hetzner.server import Server, ServerArgs
from components.hetzner.sshkeys import SshKeys, SshKeysArgs
from stacks.providers import Providers
from stacks.settings import Settings

USER = "deploy"
_FIRST_ADDRESS = 10  # the ones before it are Hetzner's gateway and kept for later


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A server with its Docker host."""

    server: Server
    host: Host


def private_addresses(settings: Settings) -> dict[str, str]:
    """The private address of each server: fixed, in the order of their names."""
    free = islice(subnet(settings.network).hosts(), _FIRST_ADDRESS - 1, None)
    return {
        name: str(address) for name, address in zip(sorted(settings.servers), free, strict=False)
    }


def provision(stack: str, providers: Providers, settings: Settings) -> dict[str, Machine]:
    """Make network, firewall, addresses and servers; return the servers by name."""
    labels = {"managed-by": "manacore", "stack": stack}
    name = f"manacore-{stack}"
    options = providers.options()
    location = next(iter(settings.servers.values())).location
    network = Network(
        name,
        NetworkArgs(cidr=settings.network, zone=location.network_zone, labels=labels),
        options,
    )
    firewall = Firewall(
        name, FirewallArgs(ssh_sources=settings.ssh.sources, labels=labels), options
    )
    keys = SshKeys(name, SshKeysArgs(prefix=name, keys=settings.ssh.keys, labels=labels), options)
    placement = Placement(name, PlacementArgs(labels=labels), options)
    private = private_addresses(settings)
    machines: dict[str, Machine] = {}
    for server_name, wanted in settings.servers.items():
        hostname = f"{name}-{server_name}"
        address = Address(
            hostname,
            AddressArgs(
                location=wanted.location.value,
                reverse_name=f"{hostname}.{next(iter(settings.domains.values())).zone}",
                protect=settings.protect,
                labels=labels,
            ),
            options,
        )
        server = Server(
            hostname,
            ServerArgs(
                hostname=hostname,
                server_type=wanted.type,
                location=wanted.location,
                user=USER,
                authorized_keys=settings.ssh.keys,
                key_ids=keys.key_ids,
                address_id=address.address_id,
                ipv4=address.ipv4,
                network_id=network.network_id,
                subnet=network.subnet,
                private_ip=private[server_name],
                firewall_id=firewall.firewall_id,
                placement_group_id=placement.group_id,
                volume=wanted.volume,
                backups=wanted.backups,
                protect=settings.protect,
                labels={**labels, "server": server_name},
            ),
            options,
        )
        machines[server_name] = Machine(
            server=server,
            host=Host(
                f"{stack}-{server_name}",
                HostArgs(
                    server=server.resource,
                    server_id=server.server_id,
                    address=server.ipv4,
                    host_key=server.host_key,
                    user=USER,
                    identity_file=settings.ssh.identity_file,
                    registries={
                        registry: RegistryLogin(
                            username=login.username,
                            password=pulumi.Output.secret(login.password.get_secret_value()),
                        )
                        for registry, login in settings.registries.items()
                    },
                ),
                providers.options(),
            ),
        )
    return machines
