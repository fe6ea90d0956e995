"""Debian packages that the local cloud needs, each known by what it brings.

Standard library only: it runs before the virtual environment exists.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Debian package, what it is for, and how to tell that what it brings is there.

    A package that is `split` exists in some releases alone; in others, another one has its content.
    """

    name: str
    purpose: str
    present: Callable[[], bool]
    split: bool = False


class PackageError(Exception):
    """Packages could not be installed."""


def _command(name: str) -> Callable[[], bool]:
    def present() -> bool:
        # Not everybody's PATH has the administrators' programs.
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
        return shutil.which(name, path=path) is not None

    return present


def _file(path: str) -> Callable[[], bool]:
    return lambda: Path(path).exists()


def _module(name: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(name) is not None


# What the virtual environment and every command need.
TOOLS: tuple[Package, ...] = (
    Package(name="python3-venv", purpose="the virtual environment", present=_module("ensurepip")),
    Package(name="openssh-client", purpose="reaching servers", present=_command("ssh")),
)

# What the local cloud needs on top.
LOCAL: tuple[Package, ...] = (
    Package(name="docker.io", purpose="servers and images", present=_command("dockerd")),
    # Debian 13 has the client in a package of its own; Debian 12 has both in docker.io.
    Package(
        name="docker-cli",
        purpose="Docker's client, where docker.io has none",
        present=_command("docker"),
        split=True,
    ),
    Package(name="iptables", purpose="Docker's networks", present=_command("iptables")),
    Package(name="nftables", purpose="the servers' firewalls", present=_command("nft")),
    Package(name="iproute2", purpose="networks", present=_command("ip")),
    Package(name="mmdebstrap", purpose="the servers' base image", present=_command("mmdebstrap")),
    Package(name="zstd", purpose="packing images", present=_command("zstd")),
    Package(
        name="debian-archive-keyring",
        purpose="verifying the base image's packages",
        present=_file("/usr/share/keyrings/debian-archive-keyring.gpg"),
    ),
    Package(name="ca-certificates", purpose="TLS", present=_file("/etc/ssl/certs")),
    Package(name="npm", purpose="the apps' images", present=_command("npm")),
    Package(name="git", purpose="the release ledger", present=_command("git")),
    Package(name="restic", purpose="reading the backups' bucket", present=_command("restic")),
)

# What infrastructure images are made from where no public image registry answers.
WITHOUT_PUBLIC_IMAGES: tuple[Package, ...] = (
    Package(name="maven", purpose="PostgreSQL's binaries", present=_command("mvn")),
    Package(name="golang-go", purpose="building the log store", present=_command("go")),
)

GOLANG = Package(name="golang-go", purpose="building the engine", present=lambda: False)


def public_images_answer() -> bool:
    """Whether the public image registry can be reached; it answers a stranger with 401."""
    try:
        urllib.request.urlopen("https://registry-1.docker.io/v2/", timeout=2).close()
    except urllib.error.HTTPError as answer:
        return answer.code == 401
    except OSError:
        return False
    return True


def missing(packages: Sequence[Package]) -> list[Package]:
    """The packages whose content is not there."""
    return [package for package in packages if not package.present()]


def offered(packages: Sequence[Package]) -> list[str]:
    """The names that this release's apt can install: all but the split ones that it lacks."""
    return [p.name for p in packages if not p.split or _apt("apt-cache", "show", p.name)[0] == 0]


def install(packages: Sequence[Package]) -> None:
    """Install with apt-get; raises `PackageError` with the end of what apt said."""
    if not packages:
        return
    _done("apt-get", "update", "-qq")
    names = offered(packages)
    _done("apt-get", "install", "-y", "-qq", "--no-install-recommends", *names)


def _done(*command: str) -> None:
    code, said = _apt(*command)
    if code != 0:
        raise PackageError(f"{' '.join(command)} failed:\n{said}")


def _apt(*command: str) -> tuple[int, str]:
    """Its exit code and the end of what it said."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, "\n".join((done.stdout + done.stderr).splitlines()[-10:])
