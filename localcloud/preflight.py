"""What the local cloud needs of a machine, checked before anything is touched.

Standard library only: it runs before the virtual environment exists, and `manacore doctor`
shows the same findings.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.home import Home

EMULATOR_PORTS = (8801, 8802, 8803)
PROVIDER_PORTS = (8811, 8812, 8813, 8814, 8815, 8816)
REGISTRY_PORT = 5001
PORTS = (*EMULATOR_PORTS, *PROVIDER_PORTS, REGISTRY_PORT)
GIB = 1024**3
MEMORY_GIB = 8
DISK_GIB = 15
# Images and the engine are built already: what remains is the servers' own data.
DISK_GIB_REPEATED = 5
CONTROLLERS = frozenset({"cpu", "memory", "pids"})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that the machine lacks, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The facts that the check judges; `of_here` reads them from this machine."""

    is_root: bool
    architecture: str
    python: tuple[int, int]
    memory_bytes: int
    disk_free_bytes: int
    controllers: frozenset[str]
    ports_taken: tuple[int, ...]
    has_apt: bool

    @classmethod
    def of_here(cls, home: Home, own_ports: Iterable[int] = ()) -> Machine:
        """Read this machine; `own_ports` are held by a local cloud that runs already."""
        docker_root = Path("/var/lib/docker")
        return cls(
            is_root=os.geteuid() == 0,
            architecture=platform.machine(),
            python=sys.version_info[:2],
            memory_bytes=_memory(Path("/proc/meminfo")),
            disk_free_bytes=min(_free(docker_root), _free(home.root)),
            controllers=_controllers(Path("/sys/fs/cgroup")),
            ports_taken=tuple(p for p in PORTS if p not in set(own_ports) and _taken(p)),
            has_apt=shutil.which("apt-get") is not None,
        )


def problems(machine: Machine, home: Home, missing_packages: Sequence[str] = ()) -> list[Problem]:
    """Everything that stands in the way, at once."""
    checks: list[Callable[[], Problem | None]] = [
        lambda: _root(machine),
        lambda: _apt(machine, missing_packages),
        lambda: _python(machine),
        lambda: _cpu(machine),
        lambda: _cgroups(machine),
        lambda: _enough_memory(machine),
        lambda: _enough_disk(machine, home),
        lambda: _ports(machine),
    ]
    return [found for found in (check() for check in checks) if found]


def screen(found: Sequence[Problem]) -> str:
    """The findings as one screen of text."""
    lines = ["This machine cannot run the local cloud yet:"]
    for problem in found:
        lines += [f"  - {problem.what}", f"    remedy: {problem.remedy}"]
    return "\n".join(lines)


def _root(machine: Machine) -> Problem | None:
    if machine.is_root:
        return None
    return Problem(
        what="not running as root (Docker, servers and their networks need it)",
        remedy="run the same command as root, for example with sudo",
    )


def _apt(machine: Machine, missing: Sequence[str]) -> Problem | None:
    if machine.has_apt or not missing:
        return None
    return Problem(
        what=f"not a Debian system, and these are missing: {', '.join(missing)}",
        remedy="install them with the system's own package manager",
    )


def _python(machine: Machine) -> Problem | None:
    if machine.python >= (3, 11):
        return None
    found = ".".join(str(part) for part in machine.python)
    return Problem(what=f"Python {found} is too old", remedy="install Python 3.11 or newer")


def _cpu(machine: Machine) -> Problem | None:
    if machine.architecture == "x86_64":
        return None
    return Problem(
        what=f"processor {machine.architecture} is not supported (the images are for x86_64)",
        remedy="use an x86_64 machine",
    )


def _cgroups(machine: Machine) -> Problem | None:
    lacking = sorted(CONTROLLERS - machine.controllers)
    if not lacking:
        return None
    return Problem(
        what=f"control groups are incomplete: no {', '.join(lacking)} under /sys/fs/cgroup",
        remedy="mount cgroup2 (mount -t cgroup2 none /sys/fs/cgroup), or boot a kernel that "
        "has these controllers; inside a container, start it with its own cgroup namespace",
    )


def _enough_memory(machine: Machine) -> Problem | None:
    # A machine sold as 8 GiB reports a little less: the kernel keeps some for itself.
    if machine.memory_bytes >= MEMORY_GIB * GIB * 0.95:
        return None
    return Problem(
        what=f"{machine.memory_bytes / GIB:.1f} GiB of memory; {MEMORY_GIB} GiB are needed",
        remedy="use a larger machine",
    )


def _enough_disk(machine: Machine, home: Home) -> Problem | None:
    built = home.images.is_dir() and any(home.images.iterdir())
    needed = DISK_GIB_REPEATED if built else DISK_GIB
    if machine.disk_free_bytes >= needed * GIB:
        return None
    return Problem(
        what=f"{machine.disk_free_bytes / GIB:.1f} GiB of disk free under /var/lib/docker or "
        f"{home.root}; {needed} GiB are needed",
        remedy="free some (docker system df shows what Docker holds), or set MANACORE_HOME "
        "to a folder on a larger disk",
    )


def _ports(machine: Machine) -> Problem | None:
    if not machine.ports_taken:
        return None
    taken = ", ".join(str(port) for port in machine.ports_taken)
    return Problem(
        what=f"ports in use on 127.0.0.1: {taken}",
        remedy=f"end what holds them (ss -ltnp 'sport = :{machine.ports_taken[0]}' names it); "
        "an earlier local cloud goes away with make down",
    )


def _memory(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def _controllers(root: Path) -> frozenset[str]:
    """The controllers of cgroup v2, or the mounted ones of v1."""
    unified = root / "cgroup.controllers"
    if unified.is_file():
        return frozenset(unified.read_text().split())
    if not root.is_dir():
        return frozenset()
    # v1 mounts some controllers together: cpu,cpuacct.
    return frozenset(part for entry in root.iterdir() for part in entry.name.split(","))


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
