"""A program beside the scheduler, begun again whenever it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 10.0


@contextmanager
def kept_running(command: Sequence[str]) -> Generator[None]:
    """Keep a program running for as long as the block lasts; none when `command` is empty."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.is_set():
            try:
                with subprocess.Popen(list(command), stdin=subprocess.DEVNULL) as process:
                    while process.poll() is None and not stop.wait(_LOOK_SECONDS):
                        pass
                    process.terminate()
            except OSError as error:  # no memory, no process left: there may be again
                sys.stderr.write(f"{command[0]} cannot be started: {error}\n")
            stop.wait(_PAUSE_SECONDS)

    keeper = threading.Thread(target=keep)
    if command:
        keeper.start()
    try:
        yield
    finally:
        stop.set()
        if command:
            keeper.join()
