"""What the emulated Hetzner API asks of whatever runs its servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

MachineStatus = Literal["running", "off", "missing"]


class MachineError(Exception):
    """A machine could not be made or changed; the message says what and why."""


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """A server as the cloud's API was asked for it.

    `image` is the vendor's image name (`debian-13`), `ssh_keys` are OpenSSH public keys, and
    `public_ipv4` is None for a server without a public interface.
    """

    id: int
    name: str
    image: str
    user_data: str
    ssh_keys: tuple[str, ...] = ()
    public_ipv4: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


class Machines(Protocol):
    """Runs servers. Every call blocks until it is done and may be repeated.

    A second `create` of a server that exists, and a `delete` of what is gone, do nothing.
    Other calls raise `MachineError` for a server, network or volume that does not exist.
    """

    def create(self, spec: MachineSpec) -> None:
        """Make the server and start it; it boots on its own after the call."""
        ...

    def delete(self, server_id: int) -> None:
        """Remove the server and its root disk; attached volumes are detached and kept."""
        ...

    def power_on(self, server_id: int) -> None:
        """Start a server that is off."""
        ...

    def power_off(self, server_id: int) -> None:
        """Cut the power."""
        ...

    def reset(self, server_id: int) -> None:
        """Cut the power and start again."""
        ...

    def shutdown(self, server_id: int) -> None:
        """Ask the server to shut down in order."""
        ...

    def status(self, server_id: int) -> MachineStatus:
        """Say whether the server runs."""
        ...

    def create_network(self, network_id: int, ip_range: str) -> None:
        """Make a private network of this range (`10.0.0.0/16`)."""
        ...

    def delete_network(self, network_id: int) -> None:
        """Remove a private network; servers on it are detached."""
        ...

    def attach_network(self, server_id: int, network_id: int, ip: str) -> None:
        """Put the server on a private network with this address."""
        ...

    def detach_network(self, server_id: int, network_id: int) -> None:
        """Take the server off a private network."""
        ...

    def create_volume(self, volume_id: int, size_gb: int, filesystem: str | None) -> None:
        """Make an empty volume."""
        ...

    def delete_volume(self, volume_id: int) -> None:
        """Remove a volume with its data."""
        ...

    def attach_volume(self, server_id: int, volume_id: int) -> None:
        """Show the volume to the server at `/dev/disk/by-id/scsi-0HC_Volume_<id>`."""
        ...

    def detach_volume(self, server_id: int, volume_id: int) -> None:
        """Take the volume from the server; its data stays."""
        ...
