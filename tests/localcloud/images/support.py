"""Containers of our images on this machine's Docker, hardened as the program runs them."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from localcloud.images.delivery import load
from localcloud.images.model import Image

LABEL = "manacore.local=true"


def docker(*arguments: str, check: bool = True) -> str:
    """Run the Docker client and return what it prints (both streams)."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=180
    )
    if check and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def eventually(condition: Callable[[], bool], what: str, within: float = 40) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str

    def run(self, *command: str, check: bool = True) -> str:
        """A command inside."""
        return docker("exec", self.name, *command, check=check)

    def get(self, url: str, *options: str, check: bool = True) -> str:
        """Ask by the wget that the images' health checks use."""
        return self.run("wget", "-q", "-O", "-", *options, url, check=check)

    def answers(self, url: str) -> bool:
        """Whether a URL answers 2xx."""
        done = subprocess.run(
            ["docker", "exec", self.name, "wget", "-q", "-O", "/dev/null", url],
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode == 0

    def json(self, url: str, *options: str) -> dict[str, object]:
        """A JSON answer."""
        return cast("dict[str, object]", json.loads(self.get(url, *options)))

    @property
    def logs(self) -> str:
        """All that it has printed."""
        return docker("logs", self.name)

    @property
    def state(self) -> str:
        """Its state and exit code, `running 0`."""
        form = "{{.State.Status}} {{.State.ExitCode}}"
        return docker("inspect", "--format", form, self.name).strip()


@dataclass
class Bench:
    """A network of its own, and all that a test puts on it."""

    network: str = field(default_factory=lambda: f"images-{uuid.uuid4().hex[:8]}")
    containers: list[str] = field(default_factory=list[str])
    images: set[str] = field(default_factory=set[str])

    def open(self) -> None:
        """Make the network."""
        docker("network", "create", "--label", LABEL, self.network)

    def close(self) -> None:
        """Remove everything."""
        for name in self.containers:
            docker("rm", "--force", "--volumes", name, check=False)
        docker("network", "rm", self.network, check=False)
        for reference in self.images:
            docker("rmi", reference, check=False)

    def start(
        self,
        image: Image,
        name: str,
        *command: str,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Container:
        """Start a container with a read-only root and no capabilities, as `name` on the network."""
        reference = f"manacore-test/{name}:{image.digest[7:19]}"
        if not docker("images", "--quiet", reference).strip():
            load(image, reference)
        self.images.add(reference)
        full = f"{self.network}-{name}"
        self.containers.append(full)
        variables = [f"--env={key}={value}" for key, value in (environment or {}).items()]
        docker(
            "run", "--detach", "--name", full, "--label", LABEL, "--network", self.network,
            "--network-alias", name, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--memory", "512m",
            *variables, *options, reference, *command,
        )  # fmt: skip
        return Container(full)
