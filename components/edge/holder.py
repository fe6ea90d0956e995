"""The container that holds the edge's network: its addresses, names and ports.

It does nothing else, and so has no reason to be replaced. Edges come and go in its network, several
at a time (docs/adr/0008-an-edge-is-replaced-beside-the-old-one.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.docker.container import ContainerArgs, Health, Port, Runtime, container
from components.docker.host import Host
from components.sdk import docker

NAME = "edge-holder"
ALIAS = "edge"
"""The name by which containers reach the edge."""


def holder(
    name: str,
    parent: pulumi.Resource,
    *,
    host: Host,
    runtime: Runtime,
    ports: Sequence[Port],
    depends_on: Sequence[pulumi.Resource],
    replaces: str,
) -> docker.Container:
    """The holder of a network that has these ports.

    `replaces` is the logical name of a container that published them before there was a holder.
    """
    return container(
        name,
        parent,
        ContainerArgs(
            host=host,
            container=NAME,
            runtime=runtime,
            # A shell, which ends when it is told to: the first process of a container has to ask.
            command=["sh", "-c", "trap exit TERM; while :; do sleep 86400 & wait $!; done"],
            health=Health(test=["CMD", "grep", "-q", "eth", "/proc/net/dev"]),
            ports=ports,
            aliases=[ALIAS],
            # What a closed listener had not accepted yet goes to the one beside it.
            sysctls={"net.ipv4.tcp_migrate_req": "1"},
            depends_on=depends_on,
        ),
        pulumi.ResourceOptions(
            # Two cannot publish the same ports.
            delete_before_replace=True,
            aliases=[pulumi.Alias(name=replaces)],
        ),
    )
