"""The blackbox exporter: asks the public names as a visitor does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Mount, Runtime, container, http_health
from components.docker.files import Files, FilesArgs
from components.docker.host import Host


@dataclass(frozen=True, kw_only=True)
class BlackboxArgs:
    """`verify` is off only where no public authority issues the certificates."""

    host: Host
    runtime: Runtime
    verify: bool
    depends_on: Sequence[pulumi.Resource] = ()


class Blackbox(Component):
    """A prober of HTTP URLs."""

    token: ClassVar[str] = "manacore:monitoring:Blackbox"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: BlackboxArgs, opts: pulumi.ResourceOptions | None = None):
        """Run the exporter."""
        super().__init__(name, opts)
        files = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host, folder="blackbox", files={"blackbox.yml": _modules(args.verify)}
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-exporter",
            self,
            ContainerArgs(
                host=args.host,
                container="blackbox-exporter",
                runtime=args.runtime,
                command=["--config.file=/etc/blackbox_exporter/blackbox.yml"],
                health=http_health(args.runtime.port, "/-/healthy"),
                mounts=[Mount(source=files.folder, target="/etc/blackbox_exporter")],
                depends_on=args.depends_on,
            ),
        )
        self.container_name = self.container.name
        self.register()


def _modules(verify: bool) -> str:
    http = {
        "preferred_ip_protocol": "ip4",
        "fail_if_not_ssl": True,
        "tls_config": {"insecure_skip_verify": not verify},
    }
    return json.dumps(
        {"modules": {"http_2xx": {"prober": "http", "timeout": "5s", "http": http}}}, indent=1
    )
