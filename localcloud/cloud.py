"""The local cloud as a whole: brought up step by step, and removed without a trace."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from localcloud import engine, stack_config
from localcloud.credentials import Credentials
from localcloud.docker_daemon import LABEL, DockerDaemon
from localcloud.home import Home
from localcloud.objects.box import StorageBox
from localcloud.objects.store import KEY_ID, SECRET, ObjectStore
from localcloud.preflight import EMULATOR_PORTS, PROVIDER_PORTS
from localcloud.processes import NotReadyError, Process
from localcloud.stack_config import StackConfig
from localcloud.steps import Steps

ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = ("hcloud", "cloudflare", "github", "docker", "command", "random")
READY_SECONDS = 60


@dataclass(frozen=True)
class LocalCloud:
    """The vendors' emulated clouds, a registry with all images, and what the engine needs."""

    home: Home
    steps: Steps = field(default_factory=Steps)
    root: Path = ROOT

    @property
    def credentials(self) -> Credentials:
        """Tokens, keys and secrets of this local cloud."""
        return Credentials(self.home.keys)

    @property
    def uses_official_plugins(self) -> bool:
        """Whether the vendors' own plugins serve the resources (`MANACORE_PROVIDERS=official`)."""
        return os.environ.get("MANACORE_PROVIDERS") == "official"

    def up(self, stack: str) -> None:
        """Bring everything up that the stack's program needs; safe to repeat.

        Raises the error of the step that failed: `EngineError`, `DaemonError`, `MachineError`,
        `ImageError`, `NotReadyError` or `StackConfigError`.
        """
        daemon = DockerDaemon(self.home)
        with self.steps.step("Docker daemon"):
            self.steps.say(f"Docker daemon: {daemon.ensure()}")
        if not (self.home.local / "emulators").exists():
            # A daemon that was started again brings back what an earlier local cloud left.
            self._clear_docker()
        self.credentials.ensure()
        self._beside_each_other(
            ("engine", self._engine),
            ("servers' base image", self._server_image),
            (f"registry and images of {stack}", lambda: self._images(stack)),
            ("object store", self._build_objects),
        )
        with self.steps.step("object store, emulators and providers"):
            self._start_objects()
            if self._config(stack).has_second_copy:
                self._start_box()
            self._start_emulators()
            self._start_providers()
        with self.steps.step(f"configuration of {stack}"):
            self._configure(stack)

    def down(self) -> None:
        """Remove everything that `up` made, whatever state it is in; the caches stay."""
        with self.steps.step("processes"):
            for process in (self._emulators, self._providers, self._objects, self._box):
                process.stop()
            _end_ssh_connections()
        daemon = DockerDaemon(self.home)
        if shutil.which("docker") and (daemon.answers() or daemon.is_left_behind):
            with self.steps.step("servers, networks, volumes, registry"):
                if not daemon.answers():
                    daemon.ensure()
                self._clear_docker()
            if daemon.is_ours:
                with self.steps.step("Docker daemon", "stopping it, as we started it"):
                    daemon.stop()
        shutil.rmtree(self.home.local, ignore_errors=True)

    def is_up(self, stack: str) -> bool:
        """Whether it runs, with this stack configured."""
        running = self._emulators.pid() is not None and self._objects.pid() is not None
        served = self.uses_official_plugins or self._providers.pid() is not None
        return running and served and self._config(stack).file.is_file()

    def stack_folder(self, stack: str) -> Path:
        """Where the engine finds the stack's configuration."""
        return self.home.stack(stack)

    def variables(self, stack: str) -> dict[str, str]:
        """What points engine, plugins and vendors' clients at this local cloud."""
        github = stack_config.seed(self.root)["github"]
        variables = {
            **self.credentials.tokens(),
            "HCLOUD_ENDPOINT": "http://127.0.0.1:8801/v1",
            "CLOUDFLARE_BASE_URL": "http://127.0.0.1:8802/client/v4",
            "GITHUB_BASE_URL": "http://127.0.0.1:8803/",
            "GITHUB_OWNER": str(github["owner"]),
            # Without notes beside the states: one that a kill cuts off makes all commands fail.
            "PULUMI_BACKEND_URL": f"file://{self.home.state}{engine.NO_ATTRIBUTES}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.credentials.passphrase_file),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": stack,
        }
        if not self.uses_official_plugins:
            attached = zip(PROVIDERS, PROVIDER_PORTS, strict=True)
            variables |= {
                "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in attached),
                # The stand-ins are attached: nothing is to be fetched.
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                # The user's own login and plugins stay out of it.
                "PULUMI_HOME": str(self.home.local / "pulumi"),
            }
        return variables

    @property
    def _emulators(self) -> Process:
        return Process(name="emulators", run=self.home.run, logs=self.home.logs)

    @property
    def _providers(self) -> Process:
        return Process(name="providers", run=self.home.run, logs=self.home.logs)

    @property
    def _objects(self) -> Process:
        return Process(name="objects", run=self.home.run, logs=self.home.logs)

    @property
    def _box(self) -> Process:
        return Process(name="box", run=self.home.run, logs=self.home.logs)

    @property
    def _storage_box(self) -> StorageBox:
        return StorageBox(self.home, self.credentials)

    def _config(self, stack: str) -> StackConfig:
        return StackConfig(
            stack=stack,
            root=self.root,
            folder=self.stack_folder(stack),
            credentials=self.credentials,
            box=self._storage_box,
        )

    def _beside_each_other(self, *tasks: tuple[str, Callable[[], None]]) -> None:
        """Run steps at the same time; the first failure is raised when all have ended."""

        def run(task: tuple[str, Callable[[], None]]) -> None:
            with self.steps.step(task[0]):
                task[1]()

        with ThreadPoolExecutor(len(tasks)) as pool:
            for outcome in [pool.submit(run, task) for task in tasks]:
                outcome.result()

    def _engine(self) -> None:
        found = engine.ensure(self.home, self.steps.say)
        self.steps.say(f"engine: {found}")

    def _server_image(self) -> None:
        # Imported where they are used: the command line starts without them.
        from localcloud.machines.docker import DockerMachines  # noqa: PLC0415

        DockerMachines(self.home, self.steps.say).prepare()

    def _images(self, stack: str) -> None:
        from catalog import InvalidInputError, load_catalog  # noqa: PLC0415
        from localcloud.images.build import ImageBuilder  # noqa: PLC0415
        from localcloud.registry.registry import Registry  # noqa: PLC0415
        from stacks.ledger import load_ledger  # noqa: PLC0415

        catalog = load_catalog()
        file = self.root / "releases" / f"{stack}.yaml"
        apps: list[str] = []
        # What is wrong with a ledger, the program says, with all else that is.
        with suppress(InvalidInputError):
            apps += load_ledger(file, [service.name for service in catalog.slotted]).images
        registry = Registry(self.home)
        registry.start(self.steps.say)
        others = [service.image for service in catalog if not service.slots and service.image]
        builder = ImageBuilder(self.home, registry, self.steps.say)
        builder.ensure([*others, *apps], catalog)

    def _build_objects(self) -> None:
        ObjectStore(self.home).program()

    def _start_objects(self) -> None:
        store = ObjectStore(self.home)
        secrets = self.credentials.service_secrets([KEY_ID, SECRET])
        self._serve(
            self._objects, store.command(), store.variables(secrets), [store.port], host=store.host
        )

    def _start_box(self) -> None:
        box = self._storage_box
        self._serve(self._box, box.command(), {}, [box.port], host=box.host)

    def _start_emulators(self) -> None:
        seed = self.home.local / "seed.json"
        seed.write_text(json.dumps(stack_config.seed(self.root), indent=2))
        self._serve(
            self._emulators,
            [
                *(sys.executable, "-m", "localcloud.emulators"),
                *("--home", str(self.home.root), "--seed", str(seed)),
            ],
            self._vendors,
            EMULATOR_PORTS,
        )

    def _start_providers(self) -> None:
        if self.uses_official_plugins:
            self._providers.stop()
            return
        command = [sys.executable, "-m", "localcloud.providers"]
        self._serve(self._providers, command, self._vendors, PROVIDER_PORTS)

    @property
    def _vendors(self) -> dict[str, str]:
        return {key: v for key, v in self.variables("").items() if key != "PULUMI_STACK"}

    def _serve(
        self,
        process: Process,
        command: Sequence[str],
        variables: Mapping[str, str],
        ports: Sequence[int],
        host: str = "127.0.0.1",
    ) -> None:
        """Start a background process, again when its code or its variables changed since."""

        def ready() -> bool:
            return all(_answers(host, port) for port in ports)

        # Another tree's process may lose its code when that tree is removed.
        made = _fingerprint(self.root, [str(self.root), *command, json.dumps(dict(variables))])
        mark = self.home.run / f"{process.name}.made"
        if process.pid() is not None and mark.is_file() and mark.read_text() == made:
            process.await_ready(ready, READY_SECONDS)
            return
        process.stop()
        if taken := [str(port) for port in ports if _answers(host, port)]:
            raise NotReadyError(
                f"{process.name}: something else answers on {host}:{', '.join(taken)}; "
                f"find it with ss -ltnp 'sport = :{taken[0]}' and end it"
            )
        environment = {**os.environ, **variables, "PYTHONPATH": str(self.root)}
        process.start(command, environment)
        process.await_ready(ready, READY_SECONDS)
        mark.write_text(made)

    def _configure(self, stack: str) -> None:
        from catalog import load_catalog  # noqa: PLC0415

        found = engine.find(self.home)
        if found is None:
            raise engine.EngineError("the engine is gone; run make up again")
        self.home.state.mkdir(parents=True, exist_ok=True)
        # Where shared ssh connections live; without it OpenSSH ends with an error.
        (Path.home() / ".ssh").mkdir(mode=0o700, exist_ok=True)
        config = self._config(stack)
        config.write()
        variables = {k: v for k, v in self.variables(stack).items() if k != "PULUMI_STACK"}
        config.ensure_stack(found, variables, load_catalog())

    def _clear_docker(self) -> None:
        from localcloud.machines.docker import DockerMachines  # noqa: PLC0415
        from localcloud.registry.registry import Registry  # noqa: PLC0415

        DockerMachines(self.home).clear()
        Registry(self.home).stop()
        for kind, listing in (
            ("container", ["ls", "--all", "--quiet"]),
            ("volume", ["ls", "--quiet"]),
            ("network", ["ls", "--quiet"]),
        ):
            found = _docker(kind, *listing, "--filter", f"label={LABEL}").split()
            if found:
                force = ["--force", "--volumes"] if kind == "container" else []
                _docker(kind, "rm", *force, *found)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _fingerprint(root: Path, told: Sequence[str]) -> str:
    """What a background process was started from: its code and what it was told."""
    digest = hashlib.sha256("\0".join(told).encode())
    for source in sorted((root / "localcloud").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _end_ssh_connections() -> None:
    """End the shared connections to servers that are about to go."""
    for control in (Path.home() / ".ssh").glob("manacore-*"):
        subprocess.run(
            ["ssh", "-O", "exit", "-o", f"ControlPath={control}", "local-cloud"],
            capture_output=True,
            check=False,
        )
        control.unlink(missing_ok=True)
