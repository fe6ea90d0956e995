"""The kinds of service, with what all services of a kind share.

Sizes are those of the plan's table "Resource Allocation"; the plan gives monitoring one row of
1 CPU and 2 GB, which is divided here among its four services. Expo is not in that table: an
update server answers as few requests as a landing page, so it gets the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a service is made with."""

    NESTJS = "nestjs"
    SVELTEKIT = "sveltekit"
    ASTRO = "astro"
    EXPO = "expo"
    POSTGRES = "postgres"
    REDIS = "redis"
    PROMETHEUS = "prometheus"
    GRAFANA = "grafana"
    LOKI = "loki"
    ALERTMANAGER = "alertmanager"
    EDGE = "edge"
    HOLDER = "holder"
    EXPORTER = "exporter"
    BACKUP = "backup"


@dataclass(frozen=True, kw_only=True)
class KindDefaults:
    """What an entry of the kind gets unless it says otherwise.

    `cpus` in cores, `memory` in MiB. `slots` marks the kinds that are released blue-green;
    `counted` those among the plan's 39 services. `migrate` is for entries with a database.
    """

    cpus: float
    memory: int
    health: str
    port: int
    slots: bool = False
    counted: bool = True
    metrics: str | None = None
    migrate: tuple[str, ...] = ()


KINDS: dict[Kind, KindDefaults] = {
    Kind.NESTJS: KindDefaults(
        cpus=0.5,
        memory=512,
        health="/health",
        port=3000,
        slots=True,
        metrics="/metrics",
        migrate=("migrate",),
    ),
    Kind.SVELTEKIT: KindDefaults(cpus=0.25, memory=256, health="/health", port=3000, slots=True),
    Kind.ASTRO: KindDefaults(cpus=0.1, memory=128, health="/", port=80, slots=True),
    Kind.EXPO: KindDefaults(cpus=0.1, memory=128, health="/health", port=3000, slots=True),
    Kind.POSTGRES: KindDefaults(cpus=1.0, memory=2048, health="", port=5432),
    Kind.REDIS: KindDefaults(cpus=0.25, memory=256, health="", port=6379),
    Kind.PROMETHEUS: KindDefaults(
        cpus=0.35, memory=768, health="/-/ready", port=9090, metrics="/metrics"
    ),
    Kind.GRAFANA: KindDefaults(
        cpus=0.25, memory=512, health="/api/health", port=3000, metrics="/metrics"
    ),
    Kind.LOKI: KindDefaults(cpus=0.3, memory=640, health="/ready", port=3100, metrics="/metrics"),
    Kind.ALERTMANAGER: KindDefaults(
        cpus=0.1, memory=128, health="/-/ready", port=9093, metrics="/metrics"
    ),
    Kind.EDGE: KindDefaults(cpus=1.0, memory=512, health="", port=443, counted=False),
    # It only sleeps.
    Kind.HOLDER: KindDefaults(cpus=0.1, memory=16, health="", port=443, counted=False),
    Kind.EXPORTER: KindDefaults(
        cpus=0.1, memory=64, health="/-/healthy", port=9115, counted=False, metrics="/metrics"
    ),
    # A proof runs a PostgreSQL of its own beside restic.
    Kind.BACKUP: KindDefaults(
        cpus=1.0, memory=1024, health="/health", port=9187, counted=False, metrics="/metrics"
    ),
}
