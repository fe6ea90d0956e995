"""The servers that the tests of the backup agent share."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.images.bench import Bench


@pytest.fixture(scope="module")
def running() -> Generator[Bench]:
    """Servers for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="manacore-backup-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.start()
            yield bench
        finally:
            bench.close()


@pytest.fixture
def bench(running: Bench) -> Bench:
    """The servers with the same data and an empty bucket; databases are backed up."""
    running.kinds = frozenset({"postgres"})
    running.key, running.clock, running.skew = "correct-key", timedelta(), 300
    (running.root / "mutant").write_text("")
    for left in running.sql("SELECT datname FROM pg_database WHERE datname ~ '_'").split():
        running.sql(f"DROP DATABASE {left} WITH (FORCE)", "postgres")
    running.empty_bucket()
    running.fill()
    return running


@pytest.fixture
def small_volume(bench: Bench) -> Generator[None]:
    """The agent's folder, on a volume of its own that is smaller than what is kept free."""
    work = bench.root / "work"
    uid, gid = bench.ids
    options = f"size=512m,mode=0700,uid={uid},gid={gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(work)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(work)], check=True)
