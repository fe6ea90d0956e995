"""Alertmanager: groups alarms and sends them on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import (
    ContainerArgs,
    Mount,
    Runtime,
    container,
    hang_up,
    http_health,
)
from components.docker.files import Files, FilesArgs
from components.docker.host import Host


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """`data` is the folder of its silences and its log of notifications."""

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    depends_on: Sequence[pulumi.Resource] = ()


class Alertmanager(Component):
    """Alertmanager; its receivers come with the monitoring's complete form."""

    token: ClassVar[str] = "manacore:monitoring:Alertmanager"
    container_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: AlertmanagerArgs, opts: pulumi.ResourceOptions | None = None
    ):
        """Run Alertmanager."""
        super().__init__(name, opts)
        files = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host,
                folder="alertmanager",
                files={"alertmanager.yml": _configuration()},
                then=hang_up("alertmanager"),
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-server",
            self,
            ContainerArgs(
                host=args.host,
                container="alertmanager",
                runtime=args.runtime,
                command=[
                    "--config.file=/etc/alertmanager/alertmanager.yml",
                    "--storage.path=/alertmanager",
                    # One instance: without this it looks for peers on a public interface.
                    "--cluster.listen-address=",
                ],
                health=http_health(args.runtime.port, "/-/ready"),
                mounts=[
                    Mount(source=files.folder, target="/etc/alertmanager"),
                    Mount(source=args.data, target="/alertmanager", read_only=False),
                ],
                depends_on=args.depends_on,
            ),
        )
        self.container_name = self.container.name
        self.register()


def _configuration() -> str:
    return json.dumps(
        {
            "route": {
                "receiver": "team",
                "group_by": ["alertname", "service"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "4h",
            },
            "receivers": [{"name": "team"}],
        },
        indent=1,
    )
