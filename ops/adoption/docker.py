"""What a killed update may have made on the servers.

Nothing of it is adopted: a half-made container may lack networks or files. It is removed, and made
again with all its parts.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.failures import OpsError

# Names of ours: nothing in them means anything to a shell.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Docker:
    """The Docker hosts of the stack's state."""

    resources: Sequence[Mapping[str, Any]]

    def container(self, inputs: Mapping[str, Any]) -> None:
        """Remove the container that a killed create left."""
        self._everywhere("docker rm --force", inputs)

    def network(self, inputs: Mapping[str, Any]) -> None:
        """Remove the network that a killed create left; nothing is on it yet."""
        self._everywhere("docker network rm", inputs)

    def _everywhere(self, command: str, inputs: Mapping[str, Any]) -> None:
        name = str(inputs.get("name", ""))
        if not _NAME.fullmatch(name):
            return
        for host in self._hosts():
            _run([*host, f"{command} {name}"])

    def _hosts(self) -> list[list[str]]:
        """The ssh command of every Docker provider."""
        commands: list[list[str]] = []
        for found in self.resources:
            if found.get("type") != "pulumi:providers:docker":
                continue
            inputs: Mapping[str, Any] = found.get("inputs") or {}
            host = str(inputs.get("host", ""))
            options = inputs.get("sshOpts", [])
            if isinstance(options, str):
                options = json.loads(options)
            if host.startswith("ssh://"):
                commands.append(["ssh", *map(str, options), host.removeprefix("ssh://")])
        return commands


def _run(command: list[str]) -> None:
    try:
        # Not captured: a shared connection that this opens would hold the pipe for its lifetime.
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OpsError("An earlier update was killed, and a server does not answer.") from error
