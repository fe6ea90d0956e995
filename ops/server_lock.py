"""One command at a time changes a stack, from whatever machine: the first server keeps the lock.

It is held by a process on the server, which lives as long as signs of life come in through ssh: a
command that is killed, or whose machine is gone, lets go within a minute.
"""

from __future__ import annotations

import getpass
import json
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ops import console, ssh
from ops.failures import OpsError
from ops.lock import refusal

BEAT_SECONDS = 10.0
PATIENCE_SECONDS = 6 * BEAT_SECONDS
_HELD, _TAKEN = "held", "taken"
# `/run/lock` is gone with a boot, as every holder is then.
_HOLD = """\
import fcntl, select, sys, time
path, holder, patience = sys.argv[1:]
# A command that was killed just now takes a moment to be seen as gone.
deadline = time.monotonic() + 5
with open(path, "a+") as file:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.seek(0)
                sys.exit(print("taken", file.read()))
            time.sleep(0.2)
    file.truncate(0)
    print(holder, file=file, flush=True)
    print("held", flush=True)
    while select.select([sys.stdin], [], [], float(patience))[0] and sys.stdin.buffer.read1(64):
        pass
    file.truncate(0)
"""


@contextmanager
def held(outputs: Mapping[str, Any], stack: str, what: str) -> Generator[None]:
    """Hold the stack of these outputs while `what` is done.

    Raises `OpsError`, naming the holder, when another command has it. A server that cannot be
    reached holds nothing: that is said, and this machine's own lock has to do.
    """
    servers: Mapping[str, Mapping[str, Any]] = outputs.get("servers") or {}
    if not servers:
        yield
        return
    holder = _Holder(server=servers[min(servers)], stack=stack, what=what)
    if not holder.take():
        console.note(f"The server is away: no other machine is kept from changing {stack}.")
    keeper = threading.Thread(target=holder.keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        holder.over.set()
        keeper.join()
        holder.leave()


@dataclass
class _Holder:
    """The process on the server, and another one when that is gone: the server may be rebooted."""

    server: Mapping[str, Any]
    stack: str
    what: str
    over: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[str] | None = None

    def take(self) -> bool:
        """Whether the server keeps the lock now; raises `OpsError` when another has it."""
        self.process = process = self._asked()
        word, _, told = (process.stdout.readline() if process.stdout else "").strip().partition(" ")
        if word == _HELD:
            return True
        said = process.stderr.read() if process.stderr else ""
        code = process.wait()
        self.leave()
        if word == _TAKEN:
            raise refusal(self.stack, told, "one that was killed lets go within a minute")
        if code != ssh.UNREACHABLE:
            raise OpsError(
                f"The lock of {self.stack} cannot be taken on its server.", said.splitlines()[-1:]
            )
        return False

    def keep(self) -> None:
        """Give signs of life until it is over; a lock that was lost is taken again."""
        while not self.over.wait(BEAT_SECONDS):
            if self._beats():
                continue
            try:
                if self.take():
                    console.note(f"The lock of {self.stack} is kept again.")
            except OpsError as error:
                console.note(f"The lock of {self.stack} was lost: {error.message}")
                return

    def leave(self) -> None:
        """Let go of it."""
        if self.process:
            self.process.terminate()
            # Closes the pipes as well, of which one may be broken.
            with suppress(OSError):
                self.process.communicate()
        self.process = None

    def _beats(self) -> bool:
        if self.process is None or self.process.stdin is None:
            return False
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except OSError:
            self.leave()
            console.note(f"The server that keeps the lock of {self.stack} is away.")
            return False
        return True

    def _asked(self) -> subprocess.Popen[str]:
        holder = json.dumps(
            {
                "what": self.what,
                "who": f"{getpass.getuser()}@{socket.gethostname()}",
                "since": time.strftime("%H:%M:%S", time.gmtime()),
            }
        )
        path = f"/run/lock/manacore-{self.stack}.lock"
        command = shlex.join(["python3", "-c", _HOLD, path, holder, str(PATIENCE_SECONDS)])
        try:
            return subprocess.Popen(
                ssh.command(self.server, command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                # Ctrl-C is for this command, which puts things right before it lets go.
                start_new_session=True,
            )
        except OSError as error:
            raise OpsError(f"{ssh.address(self.server)} cannot be asked: {error}") from error
