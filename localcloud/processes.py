"""Background processes with a pid file and a log each, started once and ended by their id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class NotReadyError(Exception):
    """A background process ended, or did not answer in time."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A background process, known by its name.

    The pid file holds the id and the kernel's start time of the process, so that an id that
    was given to another process since then is never taken for ours.
    """

    name: str
    run: Path
    logs: Path

    @property
    def pid_file(self) -> Path:
        """Where the id is kept."""
        return self.run / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.logs / f"{self.name}.log"

    def pid(self) -> int | None:
        """The id of the running process; nothing when it does not run (any more)."""
        try:
            pid, began = self.pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if _began(int(pid)) == began else None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start it in a session of its own, so that it outlives the terminal."""
        self.run.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        self.pid_file.write_text(f"{child.pid} {_began(child.pid) or ''}")
        return child.pid

    def stop(self, timeout: float = 20) -> bool:
        """End it, kindly first; says whether there was one to end."""
        pid = self.pid()
        if pid is not None:
            _signal(pid, signal.SIGTERM)
            if not wait_until(lambda: self.pid() is None, timeout):
                _signal(pid, signal.SIGKILL)
                wait_until(lambda: self.pid() is None, timeout)
        self.pid_file.unlink(missing_ok=True)
        return pid is not None

    def await_ready(self, ready: Callable[[], bool], timeout: float) -> None:
        """Return when it answers.

        Raises `NotReadyError` with the end of its log when it ended or the time is over.
        """
        if wait_until(lambda: self.pid() is None or ready(), timeout) and self.pid() is not None:
            return
        reason = "ended" if self.pid() is None else f"did not answer within {timeout:.0f} s"
        raise NotReadyError(f"{self.name} {reason}; {self.log}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def wait_until(condition: Callable[[], bool], timeout: float, every: float = 0.1) -> bool:
    """Whether the condition came true within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


def _began(pid: int) -> str | None:
    """When the process began, in the kernel's ticks; nothing when it is gone (or a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold spaces: fields are counted after it (state is the first).
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":
        _reap(pid)
        return None
    return fields[19]


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # somebody else's child


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        # It leads its own session: the signal reaches its children too.
        os.killpg(pid, number)
    except ProcessLookupError:
        return
