"""Running other programs: no secret in their arguments, and a failure that says what they said."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

_LAST_LINES = 8
# A base backup of what fits on the volumes that we have, through a slow line.
_PIPE_SECONDS = 6 * 3600.0
_REPEAT_SECONDS = 0.2


class AgentError(Exception):
    """Something that a person has to know; the message is complete."""


# What a source's trouble may come as: a full disk, too, or an answer in another form.
FAILURES = (AgentError, OSError, ValueError, KeyError)


def in_words(error: Exception) -> str:
    """An error in a line: what is not ours says what kind it is."""
    return str(error) if isinstance(error, AgentError) else f"{type(error).__name__}: {error}"


def end_when_asked() -> None:
    """Let SIGTERM end this process wherever it works: programs end, folders go, on the way out.

    The main thread has to call it.
    """
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        if not ending.is_set():
            ending.set()
            raise SystemExit(0)

    # Python runs a handler between two of its own steps: a signal that comes just before the main
    # thread begins to read what nobody writes would wait as long as that. So it is sent again.
    here = threading.main_thread().ident or 0
    read, write = os.pipe()
    os.set_blocking(write, False)

    def repeat() -> None:
        while signal.SIGTERM not in os.read(read, 64):
            pass
        while not ending.wait(_REPEAT_SECONDS):
            signal.pthread_kill(here, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=repeat, daemon=True).start()


@dataclass(frozen=True)
class Programs:
    """Runs programs with variables on top of the process's own; secrets are files they name.

    `descriptors` are open files that they inherit under the same numbers.
    """

    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    descriptors: Sequence[int] = ()

    @property
    def environment(self) -> dict[str, str]:
        """All variables of a program."""
        return {**os.environ, **self.variables}

    def run(self, command: Sequence[str], *, stdin: str = "", seconds: float = 7200) -> str:
        """What a program printed; raises `AgentError` with the end of its complaint."""
        try:
            done = subprocess.run(
                list(command),
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=self.environment,
                timeout=seconds,
                check=False,
                pass_fds=self.descriptors,
            )
        except FileNotFoundError as error:
            raise AgentError(f"{command[0]} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise AgentError(f"{command[0]} did not end within {seconds:.0f} s") from error
        if done.returncode != 0:
            raise _failure(command, done.returncode, done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def pipe(
        self, source: Sequence[str], sink: Sequence[str], seconds: float = _PIPE_SECONDS
    ) -> None:
        """Let one program read what another writes.

        Raises `AgentError` when either failed, or has not ended after `seconds`.
        """
        with tempfile.TemporaryFile("w+") as first, tempfile.TemporaryFile("w+") as second:
            try:
                codes = self._piped(source, sink, first, second, seconds)
            except FileNotFoundError as error:
                raise AgentError(f"{error.filename} is not installed") from error
            except subprocess.TimeoutExpired as error:
                raise AgentError(
                    f"{source[0]} and {sink[0]} did not end within {seconds:.0f} s"
                ) from error
            # When the reader stops, the writer fails too: the reader knows why.
            for command, code, said in (
                (sink, codes[1], second),
                (source, codes[0], first),
            ):
                if code != 0:
                    said.seek(0)
                    raise _failure(command, code, said.read().strip())

    def _piped(
        self,
        source: Sequence[str],
        sink: Sequence[str],
        first: IO[str],
        second: IO[str],
        seconds: float,
    ) -> tuple[int, int]:
        deadline = time.monotonic() + seconds
        started: list[subprocess.Popen[bytes]] = []
        try:
            writer = subprocess.Popen(
                list(source), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=first,
                env=self.environment, pass_fds=self.descriptors,
            )  # fmt: skip
            started.append(writer)
            reader = subprocess.Popen(
                list(sink), stdin=writer.stdout, stdout=subprocess.DEVNULL, stderr=second,
                env=self.environment, pass_fds=self.descriptors,
            )  # fmt: skip
            started.append(reader)
            if writer.stdout:
                writer.stdout.close()
            return writer.wait(seconds), reader.wait(max(deadline - time.monotonic(), 1))
        finally:
            for process in started:
                if process.poll() is None:
                    process.kill()
                    process.wait()


Take = Callable[[Sequence[str], Programs], int]
"""Keeps what a command writes, as the programs run it, and returns how many bytes those were."""


def _failure(command: Sequence[str], code: int, said: str) -> AgentError:
    verb = next((part for part in command[1:] if not part.startswith("-")), "")
    last = "; ".join(said.splitlines()[-_LAST_LINES:])
    return AgentError(f"{command[0]} {verb}".strip() + f" failed ({code}): {last}")
