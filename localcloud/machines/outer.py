"""The outer Docker, by its command line: it knows contexts, DOCKER_HOST and every daemon."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence

from localcloud.machines.machine import MachineError

LABEL = "manacore.local=true"
PUBLIC_NETWORK = "manacore-public"
PUBLIC_RANGE = "198.51.100.0/24"
PUBLIC_GATEWAY = "198.51.100.1"
REGISTRY_IP = "198.51.100.2"
REGISTRY_NAMES = ("ghcr.io", "registry-1.docker.io", "auth.docker.io")
TIMEOUT = 180.0


def docker(*arguments: str, stdin: bytes | None = None, timeout: float = TIMEOUT) -> str:
    """Run `docker` and return what it prints; raises `MachineError` with what it complained of."""
    try:
        done = subprocess.run(
            ["docker", *arguments], input=stdin, capture_output=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise MachineError("docker is not installed: apt-get install docker.io") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"docker {arguments[0]}: no answer within {timeout:.0f} s") from error
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        raise MachineError(f"docker {' '.join(arguments[:2])}: {complaint}")
    return done.stdout.decode(errors="replace").strip()


def exists(kind: str, name: str) -> bool:
    """Whether the outer Docker has this container, image, network or volume.

    Raises `MachineError` when the daemon does not answer: that is no "no".
    """
    try:
        docker(kind, "inspect", "--format", "-", name)
    except MachineError as error:
        if "no such" in str(error).lower() or "not found" in str(error).lower():
            return False
        raise
    return True


def inspect(kind: str, name: str, template: str) -> str | None:
    """One value of an object, by a template of `docker inspect`; None when it does not exist."""
    if not exists(kind, name):
        return None
    return docker(kind, "inspect", "--format", template, name)


def remove(kind: str, name: str, options: Sequence[str] = ()) -> None:
    """Remove an object; one that is gone already is fine."""
    try:
        docker(kind, "rm", *options, name)
    except MachineError as error:
        if "no such" not in str(error).lower() and "not found" not in str(error).lower():
            raise


_PUBLIC_NETWORK_LOCK = threading.Lock()


def ensure_public_network() -> None:
    """The network of the public addresses, made when it is missing; one thread at a time.

    To a second request the daemon would say that the range overlaps, before it knows the name.
    """
    with _PUBLIC_NETWORK_LOCK:
        if not exists("network", PUBLIC_NETWORK):
            docker(
                "network", "create", "--label", LABEL, "--driver", "bridge",
                "--subnet", PUBLIC_RANGE, "--gateway", PUBLIC_GATEWAY, PUBLIC_NETWORK,
            )  # fmt: skip
