"""How a server is reached by OpenSSH: one set of options for Docker and for remote commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SshTarget:
    """A server's address, its pinned host key, and who logs in.

    `server_id` is part of the multiplexing socket's name: a rebuilt server keeps its address,
    and must not be reached through its predecessor's connection.
    """

    user: str
    address: str
    host_key: str
    server_id: str
    identity_file: str | None = None

    @property
    def url(self) -> str:
        """The address as Docker takes it."""
        return f"ssh://{self.user}@{self.address}"

    @property
    def options(self) -> list[str]:
        """Options of the ssh client.

        The host key is pinned by value, so no known_hosts file is read or written.
        """
        identity = [f"IdentityFile={self.identity_file}", "IdentitiesOnly=yes"]
        settings = [
            *(identity if self.identity_file else []),
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "UserKnownHostsFile=/dev/null",
            "GlobalKnownHostsFile=/dev/null",
            f"KnownHostsCommand=/bin/echo %H {self.host_key}",
            "ConnectTimeout=10",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
            "LogLevel=ERROR",
        ]
        return _flags(settings)

    @property
    def shared_options(self) -> list[str]:
        """Options for a client that connects often: all its sessions share one connection.

        Not for single commands: the connection stays open in the background with their standard
        error, and whoever reads that to its end would wait for minutes.
        """
        socket = f"ControlPath=~/.ssh/manacore-{self.server_id}-%C"
        return [*self.options, *_flags(["ControlMaster=auto", socket, "ControlPersist=60"])]

    def command(self, remote: str) -> str:
        """The shell line that runs `remote` on the server."""
        return shlex.join(["ssh", *self.options, f"{self.user}@{self.address}", remote])


def _flags(settings: list[str]) -> list[str]:
    return [part for setting in settings for part in ("-o", setting)]
