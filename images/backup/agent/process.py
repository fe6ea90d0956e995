"""Running other programs: no secret in their arguments, and a failure that says what they said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_LAST_LINES = 8


class AgentError(Exception):
    """Something that a person has to know; the message is complete."""


@dataclass(frozen=True)
class Programs:
    """Runs programs with variables on top of the process's own; secrets are files they name."""

    variables: Mapping[str, str] = field(default_factory=dict[str, str])

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
            )
        except FileNotFoundError as error:
            raise AgentError(f"{command[0]} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise AgentError(f"{command[0]} did not end within {seconds:.0f} s") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_LAST_LINES:]
            verb = next((part for part in command[1:] if not part.startswith("-")), "")
            failed = f"{command[0]} {verb}".strip()
            raise AgentError(f"{failed} failed ({done.returncode}): " + "; ".join(said))
        return done.stdout
