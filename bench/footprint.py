"""How long something takes, how much of the processors, and how much memory at most."""

from __future__ import annotations

import ctypes
import os
import resource
import threading
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.2
_SUBREAPER = 36


@dataclass
class Footprint:
    """What it came to; complete after the block. `memory` is in bytes, shared pages counted once.

    It is the memory of processes: files that the kernel keeps in memory are not in it. `cpu` are
    the seconds of processors that it took, by the servers that it asked too.
    """

    seconds: float = 0
    cpu: float = 0
    memory: int = 0


def adopt_orphans() -> None:
    """Be the parent of what our programs leave running, such as the server of a `pg_ctl`."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)


@contextmanager
def measured(apart: Collection[int] = ()) -> Generator[Footprint]:
    """Measure a block, with the processes below this one; those `apart` and theirs do not count."""
    found, ended = Footprint(), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            found.memory = max(found.memory, sum(map(_memory, _below(os.getpid(), apart))))

    looking = threading.Thread(target=look)
    used, begun = _used(apart), time.monotonic()
    looking.start()
    try:
        yield found
    finally:
        found.seconds = time.monotonic() - begun
        ended.set()
        looking.join()
        _bury(apart)
        found.cpu = _used(apart) - used


def _below(parent: int, apart: Collection[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(int(place.name))
        except OSError:
            continue  # it has ended
        children.setdefault(int(fields[1]), []).append(int(place.name))
    found: set[int] = set()
    left = [parent]
    while left:
        mine = [one for one in children.get(left.pop(), ()) if one not in apart]
        found.update(mine)
        left += mine
    return found


def _used(servers: Collection[int]) -> float:
    """Seconds of processors, of all children that have ended and of the servers so far."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for server in servers:
        ticks += sum(map(int, _stat(server)[11:15]))
    return ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _bury(apart: Collection[int]) -> None:
    """Take note of the orphans that have ended: nobody else does."""
    for process in _below(os.getpid(), apart):
        with suppress(OSError):
            if _stat(process)[0] == "Z":
                os.waitpid(process, os.WNOHANG)


def _stat(process: int) -> list[str]:
    """What the kernel says of a process, from its state on; raises `OSError` when it has ended."""
    # What is in brackets is the program's name, whatever it has in it.
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _memory(process: int) -> int:
    """Its share of pages: of those that it has with others, as many parts as there are."""
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    lines = (line.split() for line in told.splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "Pss:"), 0)
