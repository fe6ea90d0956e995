"""What runs on one server: its containers, by the roles that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pulumi

from catalog import Catalog, Kind, Network, Service
from components.backup.backup import Backup, BackupArgs, Schedule, SecondCopy
from components.cloudflare.addresses import PROXY_NETWORKS
from components.data.postgres import Postgres, PostgresArgs
from components.data.redis import DEFAULT_USER, Redis, RedisArgs
from components.docker.compose import Compose, ComposeArgs
from components.docker.container import Mount
from components.docker.folders import Folder, Folders, FoldersArgs
from components.docker.host import Host
from components.docker.networks import Networks, NetworksArgs
from components.docker.slots import SlottedService, SlottedServiceArgs
from components.edge.certificates import Certificates
from components.edge.config import METRICS_PORT, EdgeConfig
from components.edge.edge import Edge, EdgeArgs
from components.edge.routes import InternalRoute, MetricsRoute, PublicRoute, Slots, Upstream
from components.monitoring.alertmanager import Alertmanager, AlertmanagerArgs
from components.monitoring.blackbox import Blackbox, BlackboxArgs
from components.monitoring.dashboard import platform_dashboard
from components.monitoring.grafana import Grafana, GrafanaArgs
from components.monitoring.loki import Loki, LokiArgs
from components.monitoring.prometheus import Prometheus, PrometheusArgs, Target
from stacks import second_copy
from stacks.environment import Resolver
from stacks.hosts import Hosts
from stacks.ledger import Ledger, Slot
from stacks.pointing import in_slot, pointers
from stacks.runtime import runtime
from stacks.settings import Role, Settings
from stacks.vault import Vault

_MONITORING = (Kind.PROMETHEUS, Kind.GRAFANA, Kind.LOKI, Kind.ALERTMANAGER)


def role_of(service: Service) -> Role:
    """The role whose server runs a service."""
    if service.kind in (Kind.POSTGRES, Kind.REDIS, Kind.BACKUP):
        return Role.DATA
    if service.kind in (*_MONITORING, Kind.EXPORTER):
        return Role.MONITORING
    return Role.EDGE if service.kind in (Kind.EDGE, Kind.HOLDER) else Role.APP


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What every server's composition reads."""

    stack: str
    catalog: Catalog
    settings: Settings
    ledger: Ledger
    hosts: Hosts
    vault: Vault
    resolver: Resolver


@dataclass
class ServerStack:
    """Composes one server. `data_root` is where its data folders are.

    `metrics_address` is the private address at which another server's Prometheus finds the edge's
    metrics listener; None when Prometheus is here. `metrics_hosts` are the addresses (host:port)
    of all edges, as Prometheus reaches them.
    """

    name: str
    host: Host
    inputs: Inputs
    data_root: str
    metrics_address: str | None
    metrics_hosts: dict[str, str]
    services: dict[str, pulumi.Resource] = field(default_factory=dict[str, pulumi.Resource])
    edge: Edge | None = None

    def compose(self) -> None:
        """Make everything that this server runs."""
        self._networks = Networks(
            f"{self.name}-networks",
            NetworksArgs(
                host=self.host,
                names=[network.value for network in Network],
                internal=frozenset({Network.DATA.value}),
            ),
            self._options(),
        )
        owned = [s for s in self.inputs.catalog if role_of(s) in self.roles]
        self._folders = Folders(
            f"{self.name}-folders",
            FoldersArgs(
                host=self.host,
                root=self.data_root,
                folders=[
                    Folder(name=volume, owner=runtime(s).user)
                    for s in owned
                    for volume in s.volumes
                ],
            ),
            self._options(),
        )
        if Role.DATA in self.roles:
            self._data()
        if Role.APP in self.roles:
            self._apps()
        if Role.MONITORING in self.roles:
            self._monitoring()
        if Role.EDGE in self.roles:
            self._edge()
        Compose(
            f"{self.name}-break-glass",
            ComposeArgs(
                host=self.host,
                containers=self.host.containers,
                networks=[network.value for network in Network],
            ),
            self._options(),
        )

    @property
    def roles(self) -> frozenset[Role]:
        """The roles of this server."""
        return self.inputs.settings.servers[self.name].roles

    def _options(self) -> pulumi.ResourceOptions:
        # A component's children take their providers from it: Docker from the host.
        return pulumi.ResourceOptions(parent=self.host, providers=[self.host.provider])

    def _service(self, kind: Kind) -> Service:
        return self.inputs.catalog.of_kind(kind)[0]

    def _folder(self, service: Service) -> pulumi.Output[str]:
        return self._folders.path(next(iter(service.volumes)))

    def _after(self, *services: str) -> list[pulumi.Resource]:
        networks = cast(Sequence[pulumi.Resource], list(self._networks.by_name.values()))
        return [*networks, *(self.services[s] for s in services if s in self.services)]

    def _data(self) -> None:
        vault, databases = self.inputs.vault, self.inputs.catalog.databases
        postgres = self._service(Kind.POSTGRES)
        (cluster,) = postgres.volumes.values()
        self.services[postgres.name] = Postgres(
            postgres.name,
            PostgresArgs(
                host=self.host,
                runtime=runtime(postgres),
                data=self._folder(postgres),
                path=str(cluster.path),
                superuser_password=vault.password("postgres"),
                databases={name: vault.database(name) for name in databases},
                backup_password=vault.password("backup"),
                archive_password=vault.password("archive"),
                certificate=vault.postgres_certificate,
                key=vault.postgres_key,
                plain=self.inputs.settings.database_tls == "offered",
                log_keep=self._log_keep,
                depends_on=self._after(),
            ),
            self._options(),
        )
        redis = self._service(Kind.REDIS)
        self.services[redis.name] = Redis(
            redis.name,
            RedisArgs(
                host=self.host,
                runtime=runtime(redis),
                data=self._folder(redis),
                admin_password=vault.password("redis-admin"),
                backup_password=vault.password("backup-redis"),
                users={
                    user or DEFAULT_USER: vault.redis(user)
                    for user in self.inputs.catalog.redis_users
                },
                depends_on=self._after(),
            ),
            self._options(),
        )

        self._backup()

    @property
    def _log_keep(self) -> int:
        """MiB of PostgreSQL's log that may wait at it, and as much at the agent: a tenth each."""
        return self.inputs.settings.servers[self.name].volume * 1024 // 10

    def _backup(self) -> None:
        backup, settings = self._service(Kind.BACKUP), self.inputs.settings
        given = self.inputs.resolver.environment(backup).files
        (work,) = backup.volumes.values()
        here = {
            n: s for n, s in self.inputs.catalog.kept_volumes.items() if role_of(s) in self.roles
        }
        self.services[backup.name] = Backup(
            backup.name,
            BackupArgs(
                host=self.host,
                runtime=runtime(backup),
                work=self._folder(backup),
                work_target=work.path,
                repository=settings.repository,
                databases=list(self.inputs.catalog.databases),
                folders={name: self._folders.path(name) for name in here},
                keep_days=settings.keep_days,
                redis_days=settings.backup.redis_days,
                schedule=Schedule(
                    run_at=settings.backup.run_at,
                    verify_at=settings.backup.verify_at,
                    base_at=settings.backup.base_at,
                ),
                key_id=given["BACKUP_S3_KEY_ID"],
                key_secret=given["BACKUP_S3_SECRET"],
                password=given["BACKUP_PASSWORD"],
                database_password=self.inputs.vault.password("backup"),
                archive_password=self.inputs.vault.password("archive"),
                authority=self.inputs.vault.authority,
                archive_limit=self._log_keep,
                redis_password=self.inputs.vault.password("backup-redis"),
                second_copy=self._second_copy(),
                depends_on=self._after("postgres", "redis"),
            ),
            self._options(),
        )

    def _second_copy(self) -> SecondCopy | None:
        settings = self.inputs.settings
        to, host_key = settings.backup.copy_to, settings.backup.copy_host_key
        if not to or not host_key:
            return None
        key = settings.secrets[second_copy.SECRET].get_secret_value()
        return SecondCopy(
            to=to, host_key=host_key, key=pulumi.Output.secret(key), at=settings.backup.copy_at
        )

    def _apps(self) -> None:
        for service in self.inputs.catalog.start_order():
            if not service.slots:
                continue
            entry = self.inputs.ledger[service.name]
            environment = self.inputs.resolver.environment(service)
            self.services[service.name] = SlottedService(
                service.name,
                SlottedServiceArgs(
                    host=self.host,
                    service=service.name,
                    runtime=runtime(service),
                    images={slot.value: entry.image(slot) or "" for slot in entry.filled},
                    live=entry.live.value,
                    health=service.health,
                    env=environment.plain,
                    files=environment.files,
                    mounts=[
                        Mount(source=self._folders.path(name), target=volume.path, read_only=False)
                        for name, volume in service.volumes.items()
                    ],
                    # Only what its health depends on: other services may come up meanwhile.
                    depends_on=self._after(*({"postgres", "redis"} & set(service.needs))),
                ),
                self._options(),
            )

    def _monitoring(self) -> None:
        kinds = {kind: self._service(kind) for kind in (*_MONITORING, Kind.EXPORTER)}
        address = {kind: f"{s.name}:{s.port}" for kind, s in kinds.items()}
        loki = kinds[Kind.LOKI]
        self.services[loki.name] = Loki(
            loki.name,
            LokiArgs(
                host=self.host,
                runtime=runtime(loki),
                data=self._folder(loki),
                depends_on=self._after(),
            ),
            self._options(),
        )
        alertmanager = kinds[Kind.ALERTMANAGER]
        self.services[alertmanager.name] = Alertmanager(
            alertmanager.name,
            AlertmanagerArgs(
                host=self.host,
                runtime=runtime(alertmanager),
                data=self._folder(alertmanager),
                depends_on=self._after(),
            ),
            self._options(),
        )
        exporter = kinds[Kind.EXPORTER]
        self.services[exporter.name] = Blackbox(
            exporter.name,
            BlackboxArgs(
                host=self.host,
                runtime=runtime(exporter),
                verify=self.inputs.settings.tls.public,
                depends_on=self._after(),
            ),
            self._options(),
        )
        prometheus = kinds[Kind.PROMETHEUS]
        self.services[prometheus.name] = Prometheus(
            prometheus.name,
            PrometheusArgs(
                host=self.host,
                runtime=runtime(prometheus),
                data=self._folder(prometheus),
                targets=self._targets(),
                probes=[
                    f"{self.inputs.hosts.url(s)}{s.health}" for s in self.inputs.catalog.routed
                ],
                prober=address[Kind.EXPORTER],
                alertmanager=address[Kind.ALERTMANAGER],
                labels={"stack": self.inputs.stack},
                depends_on=self._after(),
            ),
            self._options(),
        )
        grafana = kinds[Kind.GRAFANA]
        self.services[grafana.name] = Grafana(
            grafana.name,
            GrafanaArgs(
                host=self.host,
                runtime=runtime(grafana),
                data=self._folder(grafana),
                url=self.inputs.hosts.url(grafana),
                admin_password=self.inputs.vault.password("grafana"),
                prometheus=address[Kind.PROMETHEUS],
                loki=address[Kind.LOKI],
                dashboards={"platform.json": platform_dashboard(self.inputs.stack)},
                depends_on=self._after(),
            ),
            self._options(),
        )

    def _targets(self) -> list[Target]:
        """What is here is scraped directly, apps and what is elsewhere by their server's edge."""
        edges = [
            Target(service=f"edge-{server}", address=address, path="/metrics")
            for server, address in self.metrics_hosts.items()
        ]
        own = [
            self._target(s, s.metrics)
            for s in self.inputs.catalog
            if s.metrics and role_of(s) is not Role.EDGE
        ]
        return [*edges, *own]

    def _target(self, service: Service, path: str) -> Target:
        role = role_of(service)
        if role in self.roles and not service.slots:
            return Target(service=service.name, address=f"{service.name}:{service.port}", path=path)
        edge = self.metrics_hosts[self.inputs.settings.holder(role)]
        return Target(service=service.name, address=edge, path=f"/metrics/{service.name}")

    def _edge(self) -> None:
        edge = self._service(Kind.EDGE)
        own = (Kind.EDGE, Kind.HOLDER)
        here = [s for s in self.inputs.catalog if role_of(s) in self.roles and s.kind not in own]
        tls = self.inputs.settings.tls
        proxied = self._proxied(here)
        self.edge = Edge(
            f"{self.name}-edge",
            EdgeArgs(
                host=self.host,
                runtime=runtime(edge),
                holder=runtime(self._service(Kind.HOLDER)),
                config=EdgeConfig(
                    public=[
                        PublicRoute(
                            host=self.inputs.hosts.host(s),
                            www=self.inputs.hosts.host(s) == self.inputs.hosts.zone(s),
                            upstream=_upstream(s),
                            health=s.health,
                        )
                        for s in here
                        if s.route
                    ],
                    internal=[
                        InternalRoute(
                            port=s.port,
                            upstream=_upstream(s),
                            health=s.health,
                        )
                        for s in self.inputs.catalog.callees
                        if s in here
                    ],
                    metrics=[
                        MetricsRoute(name=s.name, upstream=_upstream(s), path=s.metrics)
                        for s in here
                        if s.metrics and (s.slots or Role.MONITORING not in self.roles)
                    ],
                    certificates=Certificates(
                        issuer=tls.issuer,
                        email=tls.email,
                        directory=tls.directory,
                        root=tls.root,
                        proxied=proxied,
                    ),
                    trusted=PROXY_NETWORKS if proxied else (),
                ),
                data=self._folders.path("edge-data"),
                metrics_address=self.metrics_address,
                pointers=pointers([s for s in here if s.slots], self.inputs.ledger),
                upstreams=[r for r in self.services.values() if isinstance(r, SlottedService)],
                depends_on=self._after(),
            ),
            self._options(),
        )
        self.services[edge.name] = self.edge

    def _proxied(self, services: Sequence[Service]) -> list[str]:
        """The host names of these services, and their `www.`, that are behind Cloudflare."""
        hosts = self.inputs.hosts
        behind = [s for s in services if s.route and hosts.proxied(s)]
        apexes = [f"www.{hosts.host(s)}" for s in behind if hosts.host(s) == hosts.zone(s)]
        return [*(hosts.host(s) for s in behind), *apexes]


def _upstream(service: Service) -> Upstream | Slots:
    if not service.slots:
        return Upstream(container=service.name, port=service.port)
    # Both, also while one is empty: what releases change is not in the edge's configuration.
    return Slots(service=service.name, upstreams=[in_slot(service, slot) for slot in Slot])


METRICS_HERE = f"edge:{METRICS_PORT}"
