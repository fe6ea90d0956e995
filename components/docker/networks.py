"""The Docker networks of a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.host import Host
from components.sdk import docker


@dataclass(frozen=True, kw_only=True)
class NetworksArgs:
    """Names of the networks; those in `internal` have no way out."""

    host: Host
    names: Sequence[str]
    internal: frozenset[str]


class Networks(Component):
    """Bridge networks by name."""

    token: ClassVar[str] = "manacore:docker:Networks"
    names: pulumi.Output[list[str]]

    def __init__(self, name: str, args: NetworksArgs, opts: pulumi.ResourceOptions | None = None):
        """Create each network."""
        super().__init__(name, opts)
        self.by_name: dict[str, docker.Network] = {
            network: docker.Network(
                f"{name}-{network}",
                name=network,
                internal=network in args.internal,
                opts=args.host.options(self),
            )
            for network in args.names
        }
        self.names = pulumi.Output.all(*(n.name for n in self.by_name.values())).apply(list)
        self.register()
