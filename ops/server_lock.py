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
from contextlib import contextmanager
from typing import IO, Any

from ops import console, ssh
from ops.failures import OpsError

_BEAT_SECONDS = 10
PATIENCE_SECONDS = 6 * _BEAT_SECONDS
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
    process = _asked(servers[min(servers)], stack, what)
    over = threading.Event()
    with process:
        if process.stdin is None or process.stdout is None:
            raise OpsError("ssh has no pipes.")
        try:
            _judge(process.stdout.readline(), process, stack)
            beats = threading.Thread(target=_beat, args=(process.stdin, over), daemon=True)
            beats.start()
            yield
        finally:
            over.set()
            process.terminate()


def _asked(server: Mapping[str, Any], stack: str, what: str) -> subprocess.Popen[str]:
    holder = json.dumps(
        {
            "what": what,
            "who": f"{getpass.getuser()}@{socket.gethostname()}",
            "since": time.strftime("%H:%M:%S", time.gmtime()),
        }
    )
    path = f"/run/lock/manacore-{stack}.lock"
    command = shlex.join(["python3", "-c", _HOLD, path, holder, str(PATIENCE_SECONDS)])
    try:
        return subprocess.Popen(
            ssh.command(server, command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # Ctrl-C is for this command, which puts things right before it lets go.
            start_new_session=True,
        )
    except OSError as error:
        raise OpsError(f"{ssh.address(server)} cannot be asked: {error}") from error


def _judge(answer: str, process: subprocess.Popen[str], stack: str) -> None:
    word, _, told = answer.strip().partition(" ")
    if word == _HELD:
        return
    if word == _TAKEN:
        raise _refusal(stack, told)
    said = process.stderr.read() if process.stderr else ""
    if process.wait() != ssh.UNREACHABLE:
        raise OpsError(
            f"The lock of {stack} cannot be taken on its server.", said.splitlines()[-1:]
        )
    console.note(f"The server cannot be reached: no other machine is kept from changing {stack}.")


def _beat(pipe: IO[str], over: threading.Event) -> None:
    while not over.wait(_BEAT_SECONDS):
        try:
            pipe.write("\n")
            pipe.flush()
        except (OSError, ValueError):
            # The server was rebooted, or this command is over: nobody holds it then.
            return


def _refusal(stack: str, told: str) -> OpsError:
    try:
        holder = json.loads(told)
    except json.JSONDecodeError:
        holder = {"what": "another command", "who": "somebody", "since": "just now"}
    return OpsError(
        f"{stack} is being changed by {holder['what']} ({holder['who']}, since "
        f"{holder['since']} UTC).",
        ["Wait until it has ended; one that was killed lets go within a minute."],
    )
