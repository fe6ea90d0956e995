"""The infrastructure images: what is in each, and where the public image has it."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock

from localcloud.images.base import REDIS_PACKAGES, STABLE, Bases, users
from localcloud.images.layers import LayerStore, LayerWriter, key_of
from localcloud.images.model import Image, ImageConfig, ImageError, Layer
from localcloud.images.postgres_release import NEXT_POSTGRES, POSTGRES, PostgresRelease
from localcloud.images.sources import VICTORIA_LOGS, Sources

HERE = Path(__file__).parent
# As the public image changes the sample that each new cluster's configuration is made of.
POSTGRES_DEFAULTS = "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n"
NOBODY = (65534, 65534)
BACKUP = "ghcr.io/wuesteon/manacore-backup:1.7.0"
# The same agent on the PostgreSQL that an upgrade goes to.
NEXT_BACKUP = f"{BACKUP}-postgres{NEXT_POSTGRES.major}"
BACKUP_FOLDER = HERE.parents[1] / "images/backup"
# Our own images have no public counterpart to be pulled: each is built from the Dockerfile in that
# folder then, on this PostgreSQL.
OWN: Mapping[str, PostgresRelease] = {BACKUP: POSTGRES, NEXT_BACKUP: NEXT_POSTGRES}
PYTHON_PACKAGES = (
    "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libbz2-1.0",
    "libexpat1", "libffi8", "liblzma5",
)  # fmt: skip
# OpenSSH's client, with what its programs need that the base and Redis do not bring.
SSH_PACKAGES = (
    "openssh-client", "libbsd0", "libcom-err2", "libedit2", "libgssapi-krb5-2", "libk5crypto3",
    "libkeyutils1", "libkrb5-3", "libkrb5support0", "libmd0", "libpcre2-8-0", "libselinux1",
)  # fmt: skip

# CAP_NET_BIND_SERVICE, permitted and effective, revision 2: as the public image's `setcap` sets
# it. With it, the program refuses to start where a container drops that capability.
NET_BIND_SERVICE = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00" * 12


@dataclass(frozen=True)
class GoProgram:
    """A server of the Prometheus family: Debian's package, in the public image's places."""

    reference: str
    suite: str
    package: str
    programs: Mapping[str, str]
    """Debian's path to the public image's."""
    command: tuple[str, ...] = ()
    configuration: tuple[str, str] = ("", "")
    data: str = ""
    port: int = 0
    more_packages: tuple[str, ...] = ()
    shared: str = ""
    """The folder of files that Debian's program reads at its start, with a final slash."""

    def place(self, path: str) -> str | None:
        """Where a file of the package goes, None when nobody needs it."""
        if self.shared and path.startswith(self.shared):
            return path
        return self.programs.get(path)


GO_PROGRAMS: tuple[GoProgram, ...] = (
    GoProgram(
        reference="docker.io/prom/prometheus:v3.5.0",
        suite="testing",
        package="prometheus",
        more_packages=("promtool",),
        programs={"usr/bin/prometheus": "/bin/prometheus", "usr/bin/promtool": "/bin/promtool"},
        command=(
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
        ),
        configuration=("/etc/prometheus/prometheus.yml", "global: {}\n"),
        data="/prometheus",
        port=9090,
        shared="usr/share/prometheus/web/",
    ),
    GoProgram(
        reference="docker.io/prom/alertmanager:v0.28.1",
        suite="trixie",
        package="prometheus-alertmanager",
        programs={
            "usr/bin/prometheus-alertmanager": "/bin/alertmanager",
            "usr/bin/amtool": "/bin/amtool",
        },
        command=(
            "--config.file=/etc/alertmanager/alertmanager.yml",
            "--storage.path=/alertmanager",
        ),
        configuration=(
            "/etc/alertmanager/alertmanager.yml",
            "route: {receiver: none}\nreceivers: [{name: none}]\n",
        ),
        data="/alertmanager",
        port=9093,
        shared="usr/share/prometheus/alertmanager/",
    ),
    GoProgram(
        reference="docker.io/prom/blackbox-exporter:v0.27.0",
        suite="testing",
        package="prometheus-blackbox-exporter",
        programs={"usr/bin/prometheus-blackbox-exporter": "/bin/blackbox_exporter"},
        command=("--config.file=/etc/blackbox_exporter/config.yml",),
        configuration=(
            "/etc/blackbox_exporter/config.yml",
            "modules: {http_2xx: {prober: http}, tcp_connect: {prober: tcp}}\n",
        ),
        port=9115,
    ),
    GoProgram(
        reference="docker.io/prom/node-exporter:v1.9.1",
        suite="testing",
        package="prometheus-node-exporter",
        programs={"usr/bin/prometheus-node-exporter": "/bin/node_exporter"},
        port=9100,
    ),
    GoProgram(
        reference="quay.io/prometheuscommunity/postgres-exporter:v0.17.1",
        suite="testing",
        package="prometheus-postgres-exporter",
        programs={"usr/bin/prometheus-postgres-exporter": "/bin/postgres_exporter"},
        port=9187,
    ),
    GoProgram(
        reference="docker.io/oliver006/redis_exporter:v1.74.0",
        suite="testing",
        package="prometheus-redis-exporter",
        programs={"usr/bin/prometheus-redis-exporter": "/redis_exporter"},
        port=9121,
    ),
)


@dataclass(frozen=True)
class Infrastructure:
    """Makes the infrastructure images."""

    store: LayerStore
    sources: Sources
    bases: Bases
    _one_at_a_time: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @cached_property
    def recipes(self) -> Mapping[str, Callable[[], Image]]:
        """How each image is made, by its reference."""
        recipes: dict[str, Callable[[], Image]] = {
            POSTGRES.reference: self.postgres,
            NEXT_POSTGRES.reference: lambda: self.postgres(NEXT_POSTGRES),
            "docker.io/library/redis:7.2.11": self.redis,
            "docker.io/library/caddy:2.11.7": self.caddy,
            "docker.io/library/busybox:1.37.0": self.busybox,
            "docker.io/grafana/loki:3.5.8": self.loki,
            "docker.io/grafana/grafana:12.3.0": self.grafana,
            BACKUP: self.backup,
            NEXT_BACKUP: lambda: self.backup(NEXT_POSTGRES),
        }
        for program in GO_PROGRAMS:
            recipes[program.reference] = lambda program=program: self.go_program(program)
        return recipes

    def postgres(self, release: PostgresRelease = POSTGRES) -> Image:
        """PostgreSQL from Zonky's binaries, with the clients that those leave out."""
        config = ImageConfig(
            entrypoint=("docker-entrypoint.sh",),
            command=("postgres",),
            environment={
                "PATH": _path(release),
                "LANG": "C.UTF-8",
                # The clients are built for another socket folder than the public image's.
                "PGHOST": "/var/run/postgresql",
                "PG_MAJOR": release.major,
                "PGDATA": release.data,
            },
            ports=(5432,),
            volumes=(release.volume,),
            stop_signal="SIGINT",
            labels=_labels(
                f"PostgreSQL {release.version} with the clients of {release.client_version}"
            ),
        )
        return self._image(config, self._postgres(release))

    def backup(self, release: PostgresRelease = POSTGRES) -> Image:
        """The backup agent: PostgreSQL's image with Redis, Python, its tools and the agent."""
        folder = BACKUP_FOLDER / "agent"
        found = self.sources.debian(STABLE, ["libpython3.11-stdlib", "python3.11-minimal"])
        debs = [found[name] for name in PYTHON_PACKAGES]
        # Debian 12's restic does not tell by its exit code that there is no repository.
        restic = self.sources.debian("trixie", ["restic"])["restic"]
        rclone = self.sources.debian("trixie", ["rclone"])["rclone"]
        ssh = self.sources.debian(STABLE, ["openssh-client"])
        redis = [self.bases.stable[name] for name in REDIS_PACKAGES if name not in PYTHON_PACKAGES]
        programs = [*(ssh[name] for name in SSH_PACKAGES), *redis]

        def fill_tools(writer: LayerWriter) -> None:
            for deb in (*debs, restic, rclone):
                writer.package(deb)
            writer.link("usr/bin/python3", "python3.11")
            for deb in programs:
                writer.package(deb, rename=_programs_and_libraries)

        def fill_agent(writer: LayerWriter) -> None:
            for file in sorted(folder.glob("*.py")):
                writer.file(f"opt/backup/agent/{file.name}", file)

        chosen = (*debs, restic, rclone, *programs)
        key = key_of("backup-tools-3", *(deb.name for deb in chosen))
        tools = self.store.layer(key, fill_tools)
        agent = self.store.layer(key_of("backup-agent-1", folder), fill_agent)
        config = ImageConfig(
            user="1001:1001",
            entrypoint=("python3", "-m", "agent"),
            command=("serve",),
            environment={
                "PATH": _path(release),
                "LANG": "C.UTF-8",
                "PYTHONPATH": "/opt/backup",
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": "/var/lib/backup",
            },
            ports=(9187,),
            labels=_labels(
                f"PostgreSQL {release.version}, clients of {release.client_version}, "
                f"Debian's {restic.stem}, {rclone.stem}, "
                f"{programs[0].stem} and {redis[0].stem}"
            ),
        )
        return self._image(config, self._postgres(release), tools, agent)

    def _postgres(self, release: PostgresRelease) -> Layer:
        script = HERE / "postgres/docker-entrypoint.sh"

        def fill(writer: LayerWriter) -> None:
            server = self.sources.postgres_server(release)
            sample = f"{release.home}/share/postgresql/postgresql.conf.sample"
            text = (server / "share/postgresql/postgresql.conf.sample").read_text()
            writer.file(sample, text + POSTGRES_DEFAULTS)
            for part in ("bin", "lib", "share"):
                writer.tree(server / part, f"{release.home}/{part}")
            clients = self.sources.postgres_clients(release)
            # The clients look for their library three folders up, so that layout is kept.
            writer.tree(clients / release.libraries, f"/opt/postgresql/{release.libraries}")
            for program in sorted((clients / release.programs).iterdir()):
                if program.name not in ("postgres", "initdb", "pg_ctl", "ecpg", "pg_config"):
                    place = f"/opt/postgresql/clients/{release.prefix}/bin/{program.name}"
                    writer.file(place, program, mode=0o755)
                    writer.link(f"{release.home}/bin/{program.name}", place)
            data = PurePosixPath(release.data.lstrip("/"))
            for folder in dict.fromkeys(("var/lib/postgresql", str(data.parent))):
                writer.directory(folder, owner=(999, 999))
            writer.directory(str(data), mode=0o700, owner=(999, 999))
            writer.directory("run/postgresql", mode=0o3777, owner=(999, 999))
            writer.directory("docker-entrypoint-initdb.d")
            writer.file("usr/local/bin/docker-entrypoint.sh", script, mode=0o755)

        key = key_of("postgres-3", POSTGRES_DEFAULTS, release.artifact, release.wheel, script)
        # Two images have it, and are made at the same time.
        with self._one_at_a_time:
            return self.store.layer(key, fill)

    def redis(self) -> Image:
        """Redis 7.0.15 of Debian 12: the last 7 that a package registry has."""
        script = HERE / "redis/docker-entrypoint.sh"
        debs = [self.bases.stable[name] for name in REDIS_PACKAGES]
        passwd, group = users({"postgres": None, "redis": (999, 999, "/data")})

        def fill(writer: LayerWriter) -> None:
            writer.directory("data", owner=(999, 999))
            writer.file("etc/passwd", passwd)
            writer.file("etc/group", group)
            for deb in debs:
                writer.package(deb, rename=_programs_and_libraries)
            writer.file("usr/local/bin/docker-entrypoint.sh", script, mode=0o755)

        layer = self.store.layer(key_of("redis-1", *(deb.name for deb in debs), script), fill)
        config = ImageConfig(
            entrypoint=("docker-entrypoint.sh",),
            command=("redis-server",),
            working_directory="/data",
            ports=(6379,),
            volumes=("/data",),
            labels=_labels(f"Debian's {debs[0].stem}"),
        )
        return self._image(config, layer)

    def caddy(self) -> Image:
        """Caddy's own static program, from the wheel of the virtual environment."""
        program = Path(sysconfig.get_path("scripts")) / "caddy"
        if not program.exists():
            raise ImageError(f"{program} is missing; remedy: pip install -r requirements.txt")

        def fill(writer: LayerWriter) -> None:
            writer.file("usr/bin/caddy", program, mode=0o755, capabilities=NET_BIND_SERVICE)
            for folder in ("config/caddy", "data/caddy", "etc/caddy", "srv"):
                writer.directory(folder)
            writer.file("etc/caddy/Caddyfile", ":80\nrespond 200\n")

        layer = self.store.layer(key_of("caddy-1", program), fill)
        config = ImageConfig(
            command=("caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"),
            environment={"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
            working_directory="/srv",
            ports=(80, 443, 2019),
            labels=_labels("Caddy 2.11.7"),
        )
        return self._image(config, layer)

    def busybox(self) -> Image:
        """The base that all others have: it has Debian's busybox with all its names."""
        return self._image(ImageConfig(command=("sh",), labels=_labels("Debian 12's busybox")))

    def go_program(self, program: GoProgram) -> Image:
        """A server of the Prometheus family."""
        debs = self._monitoring[program.suite]
        chosen = [debs[name] for name in (program.package, *program.more_packages)]
        path, content = program.configuration

        def fill(writer: LayerWriter) -> None:
            if program.data:
                writer.directory(program.data, owner=NOBODY)
            if path:
                writer.file(path, content)
            for deb in chosen:
                writer.package(deb, rename=program.place)

        layer = self.store.layer(
            key_of("go-2", program.reference, repr(program), *(deb.name for deb in chosen)), fill
        )
        config = ImageConfig(
            user="nobody",
            entrypoint=(next(iter(program.programs.values())),),
            command=program.command,
            working_directory=program.data or "/",
            ports=(program.port,),
            volumes=(program.data,) if program.data else (),
            labels=_labels(f"Debian's {chosen[0].stem}"),
        )
        return self._image(config, layer)

    def loki(self) -> Image:
        """VictoriaLogs behind an adapter that speaks Loki's push and query API."""

        def fill(writer: LayerWriter) -> None:
            writer.directory("loki", owner=(10001, 10001))
            writer.directory("etc/loki")
            program = self.sources.go(VICTORIA_LOGS)
            writer.file("usr/bin/victoria-logs", program, mode=0o755)
            writer.tree(HERE / "loki", "/opt/loki")
            writer.link("usr/bin/loki", "/opt/loki/main.mjs")
            modules = self.sources.node_modules(HERE / "apps")
            writer.tree(modules / "yaml", "/opt/loki/node_modules/yaml")

        layer = self.store.layer(
            key_of("loki-1", VICTORIA_LOGS, HERE / "loki", HERE / "apps/package-lock.json"), fill
        )
        config = ImageConfig(
            user="10001",
            entrypoint=("/usr/bin/loki",),
            command=("-config.file=/etc/loki/local-config.yaml",),
            ports=(3100,),
            labels=_labels("VictoriaLogs 1.52.1 behind an adapter: not Loki"),
        )
        return self._image(config, self.bases.node, layer)

    def grafana(self) -> Image:
        """A small server that reads Grafana's provisioning and runs the panels' queries."""

        def fill(writer: LayerWriter) -> None:
            for folder in ("var/lib/grafana", "var/log/grafana"):
                writer.directory(folder, mode=0o770, owner=(472, 0))
            for folder in ("datasources", "dashboards", "alerting", "plugins"):
                writer.directory(f"etc/grafana/provisioning/{folder}")
            writer.directory("usr/share/grafana")
            writer.tree(HERE / "grafana", "/opt/grafana")
            writer.file("run.sh", '#!/bin/sh\nexec node /opt/grafana/main.mjs "$@"\n', mode=0o755)
            modules = self.sources.node_modules(HERE / "apps")
            writer.tree(modules / "yaml", "/opt/grafana/node_modules/yaml")

        layer = self.store.layer(
            key_of("grafana-1", HERE / "grafana", HERE / "apps/package-lock.json"), fill
        )
        config = ImageConfig(
            user="472",
            entrypoint=("/run.sh",),
            environment={
                "GF_PATHS_PROVISIONING": "/etc/grafana/provisioning",
                "GF_PATHS_DATA": "/var/lib/grafana",
            },
            working_directory="/usr/share/grafana",
            ports=(3000,),
            labels=_labels("the local cloud's stand-in: not Grafana"),
        )
        return self._image(config, self.bases.node, layer)

    @cached_property
    def _monitoring(self) -> Mapping[str, Mapping[str, Path]]:
        suites: dict[str, list[str]] = {}
        for program in GO_PROGRAMS:
            suites.setdefault(program.suite, []).extend((program.package, *program.more_packages))
        return {suite: self.sources.debian(suite, names) for suite, names in suites.items()}

    def _image(self, config: ImageConfig, *layers: Layer) -> Image:
        return Image(layers=(self.bases.debian, *layers), config=config)


def _path(release: PostgresRelease) -> str:
    return f"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{release.home}/bin"


def _labels(content: str) -> Mapping[str, str]:
    return {"manacore.local": "true", "manacore.content": content}


def _programs_and_libraries(path: str) -> str | None:
    return path if path.startswith(("usr/bin/", "usr/lib/", "usr/share/lua")) else None
