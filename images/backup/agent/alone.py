"""One at a time: a lock that scheduler and commands share, and that a kill lets go."""

from __future__ import annotations

import fcntl
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .process import AgentError

FILE = "lock"


class BusyError(AgentError):
    """Another backup, proof or restore is under way."""


class _TimeOverError(Exception):
    pass


@contextmanager
def alone(work: str, verb: str, patience: float = 0) -> Generator[None]:
    """Hold the lock; raises `BusyError` when another one still does after `patience` seconds.

    With patience it has to be called in the main thread, whose timer it uses.
    """
    folder = Path(work)
    folder.mkdir(parents=True, exist_ok=True)
    # Opened without being emptied: it says who holds it.
    with (folder / FILE).open("a+", encoding="utf-8") as file:
        if not _taken(file.fileno(), patience):
            file.seek(0)
            raise BusyError(f"{file.read().strip() or 'another command'} is under way: wait for it")
        file.truncate(0)
        file.write(verb)
        file.flush()
        yield


def _taken(lock: int, patience: float) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return patience > 0 and _waited(lock, patience)
    return True


def _waited(lock: int, patience: float) -> bool:
    before = signal.signal(signal.SIGALRM, _time_over)
    try:
        signal.setitimer(signal.ITIMER_REAL, patience)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except _TimeOverError:
        return False
    else:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _time_over(_number: int, _frame: FrameType | None) -> None:
    raise _TimeOverError
