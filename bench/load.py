"""Load by a tool that others wrote: h2load, of Debian's nghttp2-client."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from localcloud import packages
from ops.release.histogram import Histogram

# It tells its counts at its end only, so it runs again and again: each time over new connections,
# which are kept for as long.
SLICE_SECONDS = 10
CLIENTS = 10
# What has been started and not answered when its time is over is cut by itself: that is no loss.
_COUNTS = re.compile(
    r"(?s)requests: .*?(?P<done>\d+) done, \d+ succeeded, (?P<failed>\d+) failed, "
    r"(?P<errored>\d+) errored, (?P<timeout>\d+) timeout.*?(?P<answered>\d+) 2xx"
)


def install() -> None:
    """Install h2load unless it is there."""
    if shutil.which("h2load") is None:
        package = packages.Package(
            name="nghttp2-client",
            purpose="load for the tests of releases",
            present=lambda: shutil.which("h2load") is not None,
        )
        packages.install([package])


@dataclass
class Load:
    """What a load came to: requests that were answered with 2xx, and all others.

    `durations` are those of the answered ones, from a request's first byte to its answer's last.
    """

    answered: int = 0
    lost: int = 0
    told: list[str] = field(default_factory=list[str])
    durations: Histogram = field(default_factory=Histogram)

    def take(self, told: str) -> None:
        """Add what one run told."""
        counts = _COUNTS.search(told)
        if counts is None:
            raise ValueError(f"h2load told no counts: {told}")
        numbers = {name: int(count) for name, count in counts.groupdict().items()}
        refused = numbers["done"] - numbers["answered"]
        lost = max(refused, numbers["failed"]) + numbers["errored"] + numbers["timeout"]
        self.answered += numbers["answered"]
        self.lost += lost
        if lost:
            self.told.append(told)

    def time(self, lines: Iterable[str]) -> None:
        """Add the durations of h2load's log: when a request began, its status, microseconds."""
        for line in lines:
            _, status, microseconds = line.split("\t")
            if status.startswith("2"):
                self.durations.add(int(microseconds) / 1e6)


@contextmanager
def load(
    address: str,
    host: str,
    path: str,
    *,
    port: int = 443,
    per_second: int = 200,
    version: str = "--h1",
) -> Generator[Load]:
    """Send requests over kept connections to a host behind an address, until the block ends."""
    command = ["h2load", version, f"--clients={CLIENTS}", f"--rps={per_second // CLIENTS}"]
    command += [f"--duration={SLICE_SECONDS}", f"--connect-to={address}:{port}"]
    ended, counted = Event(), Load()

    def run(log: Path) -> None:
        while not ended.is_set():
            done = subprocess.run(
                [*command, f"--log-file={log}", f"https://{host}{path}"],
                capture_output=True,
                text=True,
                timeout=SLICE_SECONDS + 60,
                check=True,
            )
            counted.take(done.stdout)
        with log.open() as lines:
            counted.time(lines)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, Path(folder) / "log")
        try:
            yield counted
        finally:
            ended.set()
            running.result()
