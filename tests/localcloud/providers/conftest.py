"""Fixtures of the stand-ins' tests: an engine with a stack of its own, and a small image."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.providers.framework import Provider
from localcloud.providers.server import Running, debug_providers, serve
from tests.localcloud.providers.engine import Harness

MakeHarness = Callable[..., Harness]


@pytest.fixture
def make_harness(tmp_path: Path) -> Iterator[MakeHarness]:
    """Serves providers and gives a stack of the real engine attached to them."""
    running: list[Running] = []
    harnesses: list[Harness] = []

    def make(*providers: Provider[Any]) -> Harness:
        running.extend(serve(provider) for provider in providers)
        harness = Harness(tmp_path, debug_providers(running))
        harnesses.append(harness)
        return harness

    yield make
    for harness in harnesses:
        harness.destroy()
    for item in running:
        item.stop(0).wait()


@pytest.fixture(scope="session")
def busybox() -> Iterator[str]:
    """The name of an image with nothing but a static busybox in it."""
    program = shutil.which("busybox") or _unpacked_busybox()
    name = "manacore-test/busybox:providers"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(program, arcname="bin/busybox")
        for folder in ("tmp", "data"):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777
            archive.addfile(entry)
    _docker("import", "--change", "LABEL manacore.local=true", "-", name, stdin=buffer.getvalue())
    yield name
    _docker("image", "rm", "--force", name)


def _unpacked_busybox() -> str:
    folder = Path("~/.cache/manacore/images/busybox").expanduser()
    program = next(folder.glob("root/**/bin/busybox"), None)
    if program is None:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "busybox-static"], cwd=folder, check=True)
        package = next(folder.glob("busybox-static_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True)
        program = next(folder.glob("root/**/bin/busybox"))
    return str(program)


def _docker(*arguments: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(["docker", *arguments], input=stdin, check=True, capture_output=True)
    return done.stdout.decode().strip()
