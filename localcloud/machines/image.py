"""Images made from Debian's packages, each built once: the server's disk and the registry's."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localcloud.home import Home
from localcloud.machines.machine import MachineError
from localcloud.machines.outer import LABEL, docker, exists

RECIPE = Path(__file__).parent / "image"
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
SERVER_CHANGES = (
    'ENTRYPOINT ["/usr/local/sbin/machine-init"]',
    "ENV container=docker",
)

Say = Callable[[str], None]


def silent(_text: str) -> None:
    """Say nothing."""


def recipe_hash(folder: Path) -> str:
    """Twelve hex digits of everything a folder holds, and of the processor it is built for."""
    digest = hashlib.sha256(platform.machine().encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "README.md"):
        digest.update(b"\0" + path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def packages(section: str | None = None) -> list[str]:
    """The packages of the recipe: those installed, or those of one section."""
    found: list[str] = []
    current: str | None = None
    for line in (RECIPE / "packages.txt").read_text().splitlines():
        word = line.strip()
        if word.startswith("["):
            current = word.strip("[]")
        elif word and not word.startswith("#") and current == section:
            found.append(word)
    return found


@dataclass(frozen=True, kw_only=True)
class DebianImage:
    """An image of Debian packages, addressed by its recipe and kept as a tarball beside Docker.

    `arguments` go to mmdebstrap (before suite and target), `changes` are Dockerfile
    instructions for the import, `context` is a build context for where mmdebstrap is missing.
    """

    name: str
    digest: str
    arguments: tuple[str, ...]
    changes: tuple[str, ...]
    context: Path | None = None

    @property
    def reference(self) -> str:
        """The image's name in the outer Docker."""
        return f"manacore-local/{self.name}:{self.digest}"

    def tarball(self, home: Home) -> Path:
        """Where the image is cached outside Docker."""
        return home.images / f"{self.name}-{self.digest}.tar.zst"

    def ensure(self, home: Home, say: Say = silent) -> str:
        """Build or load the image unless Docker has it; returns its reference."""
        if exists("image", self.reference):
            return self.reference
        home.images.mkdir(parents=True, exist_ok=True)
        # Two at once would build it twice; the one that waited finds it.
        with (home.images / f".{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._make(self.tarball(home), say)

    def _make(self, tarball: Path, say: Say) -> str:
        if exists("image", self.reference):
            return self.reference
        if not tarball.exists():
            if shutil.which("mmdebstrap") is None or shutil.which("zstd") is None:
                return self._build_from_registry(say)
            self._bootstrap(tarball, say)
        self._load(tarball, say)
        return self.reference

    def _bootstrap(self, tarball: Path, say: Say) -> None:
        """Make the root from Debian's packages; the tarball appears only when it is whole."""
        say(f"image {self.name}: installing Debian {SUITE} packages (about 90 s, once)")
        begun = time.monotonic()
        partial = tarball.with_name(f".{tarball.name.removesuffix('.tar.zst')}.partial.tar.zst")
        log = tarball.with_suffix(".log")
        command = ["mmdebstrap", *self.arguments, SUITE, str(partial), MIRROR]
        with log.open("wb") as out:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
            )
        if done.returncode != 0:
            partial.unlink(missing_ok=True)
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise MachineError(f"image {self.name}: mmdebstrap failed, log in {log}:\n{end}")
        partial.rename(tarball)
        for old in tarball.parent.glob(f"{self.name}-*.tar.zst"):
            if old != tarball:
                old.unlink()
        say(f"image {self.name}: packages installed in {time.monotonic() - begun:.0f} s")

    def _load(self, tarball: Path, say: Say) -> None:
        """Import the tarball into the outer Docker."""
        say(f"image {self.name}: importing {tarball.stat().st_size / 1e6:.0f} MB into Docker")
        options = [
            part for change in (*self.changes, f"LABEL {LABEL}") for part in ("--change", change)
        ]
        with subprocess.Popen(["zstd", "-dcq", str(tarball)], stdout=subprocess.PIPE) as unpacked:
            done = subprocess.run(
                ["docker", "import", *options, "-", self.reference],
                stdin=unpacked.stdout,
                capture_output=True,
                check=False,
            )
        if done.returncode != 0 or unpacked.returncode != 0:
            raise MachineError(
                f"image {self.name}: import of {tarball} failed (delete it to build it again): "
                + done.stderr.decode(errors="replace").strip()
            )

    def _build_from_registry(self, say: Say) -> str:
        """The same image on the public `debian` image, for machines without mmdebstrap."""
        if self.context is None:
            raise MachineError(
                f"image {self.name}: mmdebstrap is missing: apt-get install mmdebstrap zstd"
            )
        say(f"image {self.name}: mmdebstrap is missing, building FROM debian:{SUITE}")
        changes = "".join(f"{change}\n" for change in self.changes)
        dockerfile = (self.context / "Dockerfile").read_text() + changes
        docker(
            "build", "--label", LABEL, "--tag", self.reference,
            "--file", "-", str(self.context),
            stdin=dockerfile.encode(), timeout=1800,
        )  # fmt: skip
        return self.reference


def server_image() -> DebianImage:
    """The disk that every local server starts from."""
    return DebianImage(
        name="server",
        digest=recipe_hash(RECIPE),
        arguments=(
            "--variant=apt",
            "--components=main",
            f"--include={','.join(packages())}",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            '--aptopt=Apt::Install-Recommends "false"',
            "--skip=cleanup/apt/lists",
            f'--customize-hook=cp -r --no-preserve=mode,ownership "{RECIPE}/rootfs/." "$1/"',
            f'--customize-hook=copy-in "{RECIPE}/packages.txt" "{RECIPE}/customize" /tmp',
            '--customize-hook=chroot "$1" sh /tmp/customize /tmp/packages.txt',
        ),
        changes=SERVER_CHANGES,
        context=RECIPE,
    )
