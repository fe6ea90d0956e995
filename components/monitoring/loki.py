"""Loki: the platform's logs."""

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
class LokiArgs:
    """`data` is the folder of chunks and index; `retention_days` how long logs are searchable."""

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    retention_days: int = 7
    depends_on: Sequence[pulumi.Resource] = ()


class Loki(Component):
    """Loki as a single process on the file system."""

    token: ClassVar[str] = "manacore:monitoring:Loki"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: LokiArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Loki."""
        super().__init__(name, opts)
        files = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host,
                folder="loki",
                files={"config.yaml": _configuration(args.runtime.port, args.retention_days)},
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-server",
            self,
            ContainerArgs(
                host=args.host,
                container="loki",
                runtime=args.runtime,
                command=["-config.file=/etc/loki/config.yaml"],
                health=http_health(args.runtime.port, "/ready"),
                mounts=[
                    Mount(source=files.folder, target="/etc/loki"),
                    Mount(source=args.data, target="/loki", read_only=False),
                ],
                depends_on=args.depends_on,
            ),
        )
        self.container_name = self.container.name
        self.register()


def _configuration(port: int, retention_days: int) -> str:
    document = {
        "auth_enabled": False,
        "server": {"http_listen_port": port, "log_level": "warn"},
        "common": {
            "path_prefix": "/loki",
            "replication_factor": 1,
            "ring": {"kvstore": {"store": "inmemory"}},
            "storage": {
                "filesystem": {
                    "chunks_directory": "/loki/chunks",
                    "rules_directory": "/loki/rules",
                }
            },
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2025-01-01",
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "compactor": {
            "working_directory": "/loki/compactor",
            "retention_enabled": True,
            "delete_request_store": "filesystem",
        },
        "limits_config": {"retention_period": f"{retention_days * 24}h"},
        "analytics": {"reporting_enabled": False},
    }
    return json.dumps(document, indent=1)
