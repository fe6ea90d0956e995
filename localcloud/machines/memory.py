"""Machines that exist in memory only, for the unit tests of what drives them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from localcloud.machines.machine import MachineError, MachineSpec, MachineStatus


@dataclass
class MemoryMachine:
    """A server in memory."""

    spec: MachineSpec
    running: bool = True
    networks: dict[int, str] = field(default_factory=dict[int, str])


@dataclass
class MemoryVolume:
    """A volume in memory."""

    size_gb: int
    filesystem: str | None
    server_id: int | None = None


class MemoryMachines:
    """The `Machines` protocol without any machine: it keeps what it was told and checks it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.machines: dict[int, MemoryMachine] = {}
        self.networks: dict[int, str] = {}
        self.volumes: dict[int, MemoryVolume] = {}

    def create(self, spec: MachineSpec) -> None:
        """Make a running server."""
        self.machines.setdefault(spec.id, MemoryMachine(spec))

    def delete(self, server_id: int) -> None:
        """Forget the server and detach its volumes."""
        self.machines.pop(server_id, None)
        for volume in self.volumes.values():
            if volume.server_id == server_id:
                volume.server_id = None

    def power_on(self, server_id: int) -> None:
        """Mark it running."""
        self._machine(server_id).running = True

    def power_off(self, server_id: int) -> None:
        """Mark it off."""
        self._machine(server_id).running = False

    def reset(self, server_id: int) -> None:
        """Mark it running, whatever it was."""
        self._machine(server_id).running = True

    def shutdown(self, server_id: int) -> None:
        """Mark it off."""
        self._machine(server_id).running = False

    def status(self, server_id: int) -> MachineStatus:
        """Say what the last call left."""
        machine = self.machines.get(server_id)
        if machine is None:
            return "missing"
        return "running" if machine.running else "off"

    def create_network(self, network_id: int, ip_range: str) -> None:
        """Keep the network's range."""
        self.networks.setdefault(network_id, str(ipaddress.IPv4Network(ip_range)))

    def delete_network(self, network_id: int) -> None:
        """Forget the network on every server."""
        self.networks.pop(network_id, None)
        for machine in self.machines.values():
            machine.networks.pop(network_id, None)

    def attach_network(self, server_id: int, network_id: int, ip: str) -> None:
        """Give the server this address; it must lie in the network's range."""
        machine = self._machine(server_id)
        ip_range = self.networks.get(network_id)
        if ip_range is None:
            raise MachineError(f"network {network_id} does not exist")
        if ipaddress.ip_address(ip) not in ipaddress.ip_network(ip_range):
            raise MachineError(f"{ip} is not in network {network_id} ({ip_range})")
        machine.networks[network_id] = ip

    def detach_network(self, server_id: int, network_id: int) -> None:
        """Take the server's address on that network."""
        self._machine(server_id).networks.pop(network_id, None)

    def create_volume(self, volume_id: int, size_gb: int, filesystem: str | None) -> None:
        """Keep an unattached volume."""
        self.volumes.setdefault(volume_id, MemoryVolume(size_gb, filesystem))

    def delete_volume(self, volume_id: int) -> None:
        """Forget a volume; an attached one is refused."""
        volume = self.volumes.get(volume_id)
        if volume is not None and volume.server_id is not None:
            raise MachineError(f"volume {volume_id} is attached to server {volume.server_id}")
        self.volumes.pop(volume_id, None)

    def attach_volume(self, server_id: int, volume_id: int) -> None:
        """Attach it to one server at a time."""
        self._machine(server_id)
        volume = self._volume(volume_id)
        if volume.server_id not in (None, server_id):
            raise MachineError(f"volume {volume_id} is attached to server {volume.server_id}")
        volume.server_id = server_id

    def detach_volume(self, server_id: int, volume_id: int) -> None:
        """Detach it from this server."""
        self._machine(server_id)
        volume = self._volume(volume_id)
        if volume.server_id == server_id:
            volume.server_id = None

    def _machine(self, server_id: int) -> MemoryMachine:
        machine = self.machines.get(server_id)
        if machine is None:
            raise MachineError(f"server {server_id} does not exist")
        return machine

    def _volume(self, volume_id: int) -> MemoryVolume:
        volume = self.volumes.get(volume_id)
        if volume is None:
            raise MachineError(f"volume {volume_id} does not exist")
        return volume
