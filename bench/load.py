"""Load by a tool that others wrote: h2load, of Debian's nghttp2-client."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from localcloud import packages

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
    """What a load came to: requests that were answered with 2xx, and all others."""

    answered: int = 0
    lost: int = 0
    told: list[str] = field(default_factory=list[str])

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


@contextmanager
def load(
    address: str, host: str, path: str, *, per_second: int = 200, version: str = "--h1"
) -> Generator[Load]:
    """Send requests over kept connections to a host of the edge, until the block ends."""
    command = ["h2load", version, f"--clients={CLIENTS}", f"--rps={per_second // CLIENTS}"]
    command += [f"--duration={SLICE_SECONDS}", f"--connect-to={address}:443"]
    ended, counted = Event(), Load()

    def run() -> None:
        while not ended.is_set():
            done = subprocess.run(
                [*command, f"https://{host}{path}"],
                capture_output=True,
                text=True,
                timeout=SLICE_SECONDS + 60,
                check=True,
            )
            counted.take(done.stdout)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            yield counted
        finally:
            ended.set()
            running.result()
