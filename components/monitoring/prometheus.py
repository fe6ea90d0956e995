"""Prometheus: what is scraped, what is probed, and what is an alarm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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
from components.edge import metrics


@dataclass(frozen=True, kw_only=True)
class Target:
    """A metrics endpoint: `address` is host:port."""

    service: str
    address: str
    path: str


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """`probes` are public URLs, asked through the blackbox exporter at `prober` (host:port)."""

    host: Host
    runtime: Runtime
    data: pulumi.Input[str]
    targets: Sequence[Target]
    probes: Sequence[str]
    prober: str
    alertmanager: str
    labels: dict[str, str]
    depends_on: Sequence[pulumi.Resource] = ()


class Prometheus(Component):
    """Prometheus, reloaded when its configuration changes."""

    token: ClassVar[str] = "manacore:monitoring:Prometheus"
    container_name: pulumi.Output[str]

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None):
        """Run Prometheus."""
        super().__init__(name, opts)
        files = Files(
            f"{name}-config",
            FilesArgs(
                host=args.host,
                folder="prometheus",
                files={"prometheus.yml": configuration(args), "rules.yml": rules()},
                then=hang_up("prometheus"),
            ),
            self.child_options(),
        )
        self.container = container(
            f"{name}-server",
            self,
            ContainerArgs(
                host=args.host,
                container="prometheus",
                runtime=args.runtime,
                command=[
                    "--config.file=/etc/prometheus/prometheus.yml",
                    "--storage.tsdb.path=/prometheus",
                    "--storage.tsdb.retention.time=15d",
                    "--storage.tsdb.retention.size=4GB",
                ],
                health=http_health(args.runtime.port, "/-/ready"),
                mounts=[
                    Mount(source=files.folder, target="/etc/prometheus"),
                    Mount(source=args.data, target="/prometheus", read_only=False),
                ],
                depends_on=args.depends_on,
            ),
        )
        self.container_name = self.container.name
        self.register()


def configuration(args: PrometheusArgs) -> str:
    """`prometheus.yml`. JSON is YAML, and needs no library to be written."""
    scrape: list[dict[str, Any]] = [
        {
            "job_name": target.service,
            "metrics_path": target.path,
            "static_configs": [
                {"targets": [target.address], "labels": {"service": target.service}}
            ],
        }
        for target in args.targets
    ]
    scrape.append(
        {
            "job_name": "public",
            "metrics_path": "/probe",
            "params": {"module": ["http_2xx"]},
            "static_configs": [{"targets": list(args.probes)}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": args.prober},
            ],
        }
    )
    document = {
        "global": {
            "scrape_interval": "15s",
            "evaluation_interval": "15s",
            "external_labels": args.labels,
        },
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [args.alertmanager]}]}]},
        "rule_files": ["/etc/prometheus/rules.yml"],
        "scrape_configs": scrape,
    }
    return json.dumps(document, indent=1)


# Name, what is wrong, for how long, and in words. A metric that is missing is as bad as a bad one:
# backups that nobody looked at are how they were lost before.
_LAST_BACKUP = "manacore_backup_last_success_timestamp_seconds"
_LAST_PROOF = "manacore_verify_last_success_timestamp_seconds"
_ARCHIVED = "manacore_archive_until_timestamp_seconds"
_LAST_BASE = "manacore_archive_base_timestamp_seconds"
_LAST_COPY = "manacore_copy_last_success_timestamp_seconds"
_BACKUP_ALERTS = (
    ("BackupFailed", "manacore_backup_ok == 0", "1m", "the last backup failed"),
    (
        "BackupSuspect",
        "manacore_backup_suspect == 1",
        "1m",
        "{{ $labels.source }} has much less in its last backup than in the one before",
    ),
    (
        "BackupStale",
        f"time() - {_LAST_BACKUP} > 26 * 3600",
        "1m",
        "{{ $labels.source }} has no good backup since {{ $value | humanizeDuration }}",
    ),
    ("BackupUnknown", f"absent({_LAST_BACKUP})", "26h", "nobody says when a backup was made"),
    (
        "RestoreProofFailed",
        "manacore_verify_ok == 0",
        "1m",
        "{{ $labels.source }} was not restored as it was backed up",
    ),
    (
        "RestoreProofStale",
        f"time() - {_LAST_PROOF} > 8 * 86400",
        "1m",
        "no backup was restored for proof since {{ $value | humanizeDuration }}",
    ),
    ("RestoreProofUnknown", f"absent({_LAST_PROOF})", "8d", "nobody says when one was restored"),
    # Less than a minute is what is well.
    (
        "ArchiveBehind",
        f"time() - {_ARCHIVED} > 180",
        "1m",
        "what was written in the last {{ $value | humanizeDuration }} is not archived",
    ),
    ("ArchiveUnknown", f"absent({_ARCHIVED})", "15m", "nobody says how far the archive reaches"),
    (
        "ArchiveGap",
        "changes(manacore_archive_since_timestamp_seconds[1d]) > 0",
        "0m",
        "the archive begins anew: no base backup from before goes on across the gap",
    ),
    (
        "ArchiveBaseStale",
        f"time() - {_LAST_BASE} > 26 * 3600",
        "1m",
        "the archive has no base backup since {{ $value | humanizeDuration }}",
    ),
    (
        "ArchiveBaseUnknown",
        f"absent({_LAST_BASE})",
        "2h",
        "nobody says when a base backup was made",
    ),
    # Only where somebody wants a second copy; the first one takes its time, and others vary.
    ("CopyFailed", "manacore_copy_ok == 0", "1m", "the last copy of the backups failed"),
    (
        "CopyStale",
        f"time() - {_LAST_COPY} > 30 * 3600",
        "1m",
        "the backups have no good copy since {{ $value | humanizeDuration }}",
    ),
    (
        "CopyUnknown",
        f"manacore_copy_wanted unless {_LAST_COPY}",
        "36h",
        "nobody says when the backups were copied",
    ),
)


def rules() -> str:
    """The plan's alert rules that need nothing but probes, scrapes, the edge and the backup."""
    alerts: list[dict[str, Any]] = [
        {
            "alert": "ServiceDown",
            "expr": 'up == 0 or probe_success{job="public"} == 0',
            "for": "2m",
            "labels": {"severity": "critical"},
            "annotations": {"summary": "{{ $labels.instance }} does not answer"},
        },
        {
            "alert": "HighErrorRate",
            "expr": f"{metrics.failed_share()} > 0.05",
            "for": "1m",
            "labels": {"severity": "critical"},
            "annotations": {
                "summary": "{{ $labels.host }} fails {{ $value | humanizePercentage }}"
            },
        },
        *(_backup_alert(*one) for one in _BACKUP_ALERTS),
    ]
    return json.dumps({"groups": [{"name": "platform", "rules": alerts}]}, indent=1)


def _backup_alert(name: str, expr: str, lasting: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        "labels": {"severity": "critical"},
        "annotations": {"summary": summary},
    }
