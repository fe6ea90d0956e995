"""Grafana: data sources and dashboards, provisioned from files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from components.component import Component
from components.docker.container import ContainerArgs, Mount, Runtime, container, http_health
from components.docker.files import Files, FilesArgs
from components.docker.host import Host


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """`dashboards` maps a file name to a dashboard's JSON; `url` is where people reach it."""

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    url: str
    admin_password: pulumi.Input[str]
    prometheus: str
    loki: str
    dashboards: Mapping[str, str]
    depends_on: Sequence[pulumi.Resource] = ()


class Grafana(Component):
    """Grafana with nothing made by hand."""

    token: ClassVar[str] = "manacore:monitoring:Grafana"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: GrafanaArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Grafana."""
        super().__init__(name, opts)
        files = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host,
                folder="grafana",
                files={
                    "datasources/platform.yaml": _datasources(args.prometheus, args.loki),
                    "dashboards/platform.yaml": _PROVIDER,
                    **{f"dashboards/{file}": text for file, text in args.dashboards.items()},
                },
            ),
            self.child_options(),
        )
        secrets = Files(
            f"{name}-secrets",
            FilesArgs(
                host=args.host,
                folder="secrets/grafana",
                files={"ADMIN_PASSWORD": args.admin_password},
                uid=int(args.runtime.user.split(":")[0]),
                secret=True,
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-server",
            self,
            ContainerArgs(
                host=args.host,
                container="grafana",
                runtime=args.runtime,
                env={
                    "GF_SECURITY_ADMIN_PASSWORD__FILE": "/run/secrets/ADMIN_PASSWORD",
                    "GF_SERVER_ROOT_URL": args.url,
                    "GF_ANALYTICS_REPORTING_ENABLED": "false",
                    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
                    "GF_USERS_ALLOW_SIGN_UP": "false",
                    # Provisioning files change the digest, and Grafana reads them at its start.
                    "PROVISIONING": files.digest,
                },
                health=http_health(args.runtime.port, "/api/health"),
                mounts=[
                    Mount(source=files.folder, target="/etc/grafana/provisioning"),
                    Mount(source=secrets.folder, target="/run/secrets"),
                    Mount(source=args.data, target="/var/lib/grafana", read_only=False),
                ],
                depends_on=args.depends_on,
            ),
        )
        self.container_name = self.container.name
        self.register()


_PROVIDER = json.dumps(
    {
        "apiVersion": 1,
        "providers": [
            {
                "name": "platform",
                "type": "file",
                "allowUiUpdates": False,
                "options": {"path": "/etc/grafana/provisioning/dashboards"},
            }
        ],
    },
    indent=1,
)


def _datasources(prometheus: str, loki: str) -> str:
    document: dict[str, Any] = {
        "apiVersion": 1,
        "datasources": [
            {
                "name": name,
                "uid": name.lower(),
                "type": name.lower(),
                "access": "proxy",
                "url": f"http://{address}",
                "isDefault": name == "Prometheus",
                "editable": False,
            }
            for name, address in (("Prometheus", prometheus), ("Loki", loki))
        ],
    }
    return json.dumps(document, indent=1)
