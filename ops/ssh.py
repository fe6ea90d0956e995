"""A command on a server of the stack's outputs, by ssh."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from ops.failures import OpsError

PATIENCE_SECONDS = 60
UNREACHABLE = 255
"""ssh's own exit code; a command's is another one."""

Output = Mapping[str, Any]
Done = subprocess.CompletedProcess[str]


def address(server: Output) -> str:
    """Who is asked where, as ssh takes it."""
    return f"{server['user']}@{server['ipv4']}"


def command(server: Output, text: str) -> list[str]:
    """The words by which a shell's text is run on a server."""
    return ["ssh", *map(str, server["ssh_options"]), address(server), text]


def run(server: Output, text: str, stdin: str = "", seconds: float = PATIENCE_SECONDS) -> Done:
    """Run a shell's text on a server, whatever its exit code.

    Raises `OpsError` when ssh cannot be run, or has not ended within `seconds`.
    """
    try:
        return subprocess.run(
            command(server, text),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OpsError(f"{address(server)} did not answer within {seconds:.0f} s.") from error
    except OSError as error:
        raise OpsError(f"{address(server)} cannot be asked: {error}") from error


def reason(done: Done) -> str:
    """Why a command failed, in one line: the last that it said, or its exit code."""
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"
