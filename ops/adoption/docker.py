"""What a killed update may have made on the servers.

Nothing of it is adopted: a half-made container may lack networks or files. It is removed, and made
again with all its parts.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.failures import OpsError

_PATIENCE_SECONDS = 120
# Names of ours: nothing in them means anything to a shell.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


# Docker goes on with a create whose caller is gone, and shows the container when it is made; its
# name is taken from the beginning. So one is created: where that succeeds, nothing is under way.
_CLEAR = """\
for _ in $(seq 100); do
  refusal=$(docker create --name {name} {image} 2>&1 >/dev/null) && break
  docker rm --force {name}
  case $refusal in *"already in use"*) sleep 0.5 ;; *) exit ;; esac
done
docker rm --force {name}
"""


@dataclass(frozen=True)
class Docker:
    """The Docker hosts of the stack's state."""

    resources: Sequence[Mapping[str, Any]]

    def container(self, inputs: Mapping[str, Any]) -> None:
        """Remove the container that a killed create left, or is about to leave."""
        image = shlex.quote(str(inputs.get("image", "")))
        self._everywhere(_CLEAR, inputs, image=image)

    def network(self, inputs: Mapping[str, Any]) -> None:
        """Remove the network that a killed create left; nothing is on it yet."""
        self._everywhere("docker network rm {name}", inputs)

    def _everywhere(self, command: str, inputs: Mapping[str, Any], **words: str) -> None:
        name = str(inputs.get("name", ""))
        if not _NAME.fullmatch(name):
            return
        for host in self._hosts():
            _run([*host, command.format(name=name, **words)])

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
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OpsError("An earlier update was killed, and a server does not answer.") from error
