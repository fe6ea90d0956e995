"""The edge: the only container that publishes ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Health, Mount, Port, Runtime, container
from components.docker.files import Files, FilesArgs
from components.docker.host import Host
from components.edge import pointers
from components.edge.certificates import FOLDER
from components.edge.config import ADMIN, HEALTH_PORT, METRICS_PORT, EdgeConfig, bootstrap
from components.edge.pointers import Pointers

_RELOAD = f"docker exec -i edge caddy reload --config - --address {ADMIN}"


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """`data` and `state` are folders for certificates and for the last configuration.

    `upstreams` are awaited: the pointers flip to containers that are healthy. `metrics_address`
    publishes the metrics listener there, for a Prometheus on another server.
    """

    host: Host
    runtime: Runtime
    config: EdgeConfig
    data: pulumi.Input[str]
    state: pulumi.Input[str]
    metrics_address: str | None
    pointers: Pointers
    upstreams: Sequence[pulumi.Resource]
    depends_on: Sequence[pulumi.Resource] = ()


class Edge(Component):
    """Caddy, and the pointers by which a release moves its traffic.

    The configuration is applied by reload, which neither a release nor a gate needs.
    """

    token: ClassVar[str] = "manacore:edge:Edge"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Caddy and apply its configuration."""
        super().__init__(name, opts)
        files = Files(
            f"{name}-bootstrap",
            FilesArgs(
                host=args.host,
                folder="edge",
                files={"bootstrap.json": bootstrap(), **args.config.certificates.files},
            ),
            self.child_options(),
        )
        folder = args.host.run(
            f"{name}-slots-folder",
            self,
            create=f"sudo install -d -m 0755 {pointers.FOLDER}",
            delete=f"sudo rm -rf -- {pointers.FOLDER}",
        )
        private = (
            [Port(port=METRICS_PORT, address=args.metrics_address)] if args.metrics_address else []
        )
        self.container = container(
            f"{name}-caddy",
            self,
            ContainerArgs(
                host=args.host,
                container="edge",
                runtime=args.runtime,
                # `--resume`: a restart serves the last configuration, not the empty one.
                command=["caddy", "run", "--config", f"{FOLDER}/bootstrap.json", "--resume"],
                env={
                    "CADDY_ADMIN": ADMIN,
                    "XDG_CONFIG_HOME": "/config",
                    "XDG_DATA_HOME": "/data",
                    "HOME": "/data",
                },
                health=Health(
                    test=["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{HEALTH_PORT}"]
                ),
                mounts=[
                    Mount(source=files.folder, target=FOLDER),
                    # The folder and not what it holds: a flip is no change of the container.
                    Mount(
                        source=folder.id.apply(lambda _: pointers.FOLDER), target=pointers.MOUNTED
                    ),
                    Mount(source=args.data, target="/data", read_only=False),
                    Mount(source=args.state, target="/config", read_only=False),
                ],
                tmpfs={"/run/caddy": f"rw,noexec,nosuid,size=1m,uid={_uid(args.runtime)},mode=700"},
                ports=[
                    Port(port=80),
                    Port(port=443),
                    Port(port=443, protocol="udp"),
                    *private,
                ],
                depends_on=args.depends_on,
            ),
        )
        flipped = args.host.run(
            f"{name}-slots",
            self,
            create=pointers.flip(),
            stdin=args.pointers.bundle,
            depends_on=[folder, *args.upstreams],
        )
        applied = args.host.run(
            f"{name}-config",
            self,
            create=_RELOAD,
            stdin=args.config.json(),
            # Its routes read the pointers from the first request on.
            depends_on=[self.container, flipped],
        )
        self.container_name = pulumi.Output.all(self.container.name, applied.id).apply(
            lambda both: str(both[0])
        )
        self.register()


def _uid(runtime: Runtime) -> str:
    return runtime.user.split(":")[0]
