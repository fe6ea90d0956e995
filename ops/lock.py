"""One command at a time changes a stack from this machine."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ops.failures import OpsError


@contextmanager
def held(folder: Path, stack: str, what: str) -> Generator[None]:
    """Hold the stack while `what` is done.

    The kernel lets go of it with the process, however that ends. Raises `OpsError`, naming the
    holder, when another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{stack}.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            told = file.read()
            raise refusal(stack, told, "a killed one lets go by itself") from None
        file.truncate(0)
        since = time.strftime("%H:%M:%S", time.gmtime())
        json.dump({"who": f"process {os.getpid()}", "what": what, "since": since}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def refusal(stack: str, told: str, killed: str) -> OpsError:
    """That another has the stack, by what the holder wrote; `killed` is what one that died does."""
    try:
        holder = json.loads(told)
    except json.JSONDecodeError:
        holder = {"what": "another command", "who": "somebody", "since": "just now"}
    return OpsError(
        f"{stack} is being changed by {holder['what']} ({holder['who']}, since "
        f"{holder['since']} UTC).",
        [f"Wait until it has ended; {killed}."],
    )
