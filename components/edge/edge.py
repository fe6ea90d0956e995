"""The edge: Caddy in the network of a holder, which publishes the server's only ports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import (
    ContainerArgs,
    Health,
    Joined,
    Mount,
    Port,
    Runtime,
    container,
)
from components.docker.files import Files, FilesArgs
from components.docker.host import Host
from components.edge import drain, pointers, steering
from components.edge.certificates import FOLDER
from components.edge.config import ADMIN, HEALTH_PORT, METRICS_PORT, EdgeConfig
from components.edge.holder import NAME, holder
from components.edge.pointers import Pointers

_CONFIG = "caddy.json"
# More than the clock of a busy server needs beyond the waits that are meant.
_SLACK_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """`data` is the folder of certificates, which all edges of a server share.

    `upstreams` are awaited: the pointers flip to containers that are healthy. `metrics_address`
    publishes the metrics listener there, for a Prometheus on another server.
    """

    host: Host
    runtime: Runtime
    holder: Runtime
    config: EdgeConfig
    data: pulumi.Input[str]
    metrics_address: str | None
    pointers: Pointers
    upstreams: Sequence[pulumi.Resource]
    depends_on: Sequence[pulumi.Resource] = ()


class Edge(Component):
    """Caddy, and the pointers by which a release moves its traffic.

    A new image or configuration is a new edge beside the old one: it takes over when it is healthy,
    and the old one is drained when it is deleted. Neither a release nor a gate needs that.
    """

    token: ClassVar[str] = "manacore:edge:Edge"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Caddy, and let it take over."""
        super().__init__(name, opts)
        private = (
            [Port(port=METRICS_PORT, address=args.metrics_address)] if args.metrics_address else []
        )
        self.holder = holder(
            f"{name}-holder",
            self,
            host=args.host,
            runtime=args.holder,
            ports=[Port(port=80), Port(port=443), Port(port=443, protocol="udp"), *private],
            depends_on=args.depends_on,
            replaces=f"{name}-caddy",
        )
        folder = args.host.run(
            f"{name}-slots-folder",
            self,
            create=f"sudo install -d -m 0755 {pointers.FOLDER}",
            delete=f"sudo rm -rf -- {pointers.FOLDER}",
        )
        flipped = args.host.run(
            f"{name}-{pointers.RESOURCE}",
            self,
            create=pointers.flip(),
            stdin=args.pointers.bundle,
            depends_on=[folder, *args.upstreams],
        )
        # The provider deletes a container before it makes its replacement. So another edge is
        # another resource: the engine deletes what is no longer in the program at the very end.
        digest = _digest(args)
        files = Files(
            f"{name}-{digest}",
            FilesArgs(
                host=args.host,
                folder=f"edges/{digest}",
                files={
                    _CONFIG: args.config.json(_loopback(digest)),
                    drain.SCRIPT: drain.RUN_SCRIPT,
                    **args.config.certificates.files,
                },
            ),
            self.child_options(),
        )
        kept = args.host.run(
            f"{name}-keep",
            self,
            create=steering.keep(NAME),
            triggers=[digest],
            depends_on=[self.holder],
        )
        self.container = container(
            f"{name}-{digest}",
            self,
            ContainerArgs(
                host=args.host,
                container=f"edge-{digest}",
                runtime=args.runtime,
                joined=Joined(container=NAME, id=self.holder.id),
                command=[
                    "sh",
                    f"{FOLDER}/{drain.SCRIPT}",
                    drain.RUN,
                    str(args.config.timing.drain),
                    f"{FOLDER}/{_CONFIG}",
                    ADMIN,
                ],
                env={
                    "CADDY_ADMIN": ADMIN,
                    "XDG_CONFIG_HOME": drain.RUN,
                    "XDG_DATA_HOME": "/data",
                    "HOME": "/data",
                },
                health=_health(digest),
                mounts=[
                    Mount(source=files.folder, target=FOLDER),
                    # The folder and not what it holds: a flip is no change of the container.
                    Mount(
                        source=folder.id.apply(lambda _: pointers.FOLDER), target=pointers.MOUNTED
                    ),
                    Mount(source=args.data, target="/data", read_only=False),
                ],
                tmpfs={drain.RUN: f"rw,noexec,nosuid,size=1m,uid={_uid(args.runtime)},mode=700"},
                labels={steering.LABEL: NAME},
                stop_timeout=args.config.timing.drain + args.config.timing.grace + _SLACK_SECONDS,
                # Its routes read the pointers from the first request on.
                depends_on=[*args.depends_on, kept, flipped],
            ),
        )
        switched = args.host.run(
            f"{name}-switch",
            self,
            create=steering.switch(NAME, f"edge-{digest}"),
            triggers=[self.container.id],
            depends_on=[self.container],
        )
        self.container_name = pulumi.Output.all(self.container.name, switched.id).apply(
            lambda both: str(both[0])
        )
        self.register()


def _digest(args: EdgeArgs) -> str:
    """Names an edge by what it is made of: other contents are another edge."""
    parts = [args.config.json(), args.config.certificates.files, drain.RUN_SCRIPT]
    timing = asdict(args.config.timing)
    text = json.dumps([*parts, timing, asdict(args.runtime)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _loopback(digest: str) -> str:
    """A loopback address of its own: in one network, another edge must not answer for this one."""
    return ".".join(["127", *(str(1 + byte % 254) for byte in bytes.fromhex(digest)[:3])])


def _health(digest: str) -> Health:
    asked = f"http://{_loopback(digest)}:{HEALTH_PORT}"
    ready = f"test -e {drain.RUN}/{drain.READY} && wget -q -O /dev/null {asked}"
    return Health(test=["CMD-SHELL", ready])


def _uid(runtime: Runtime) -> str:
    return runtime.user.split(":")[0]
