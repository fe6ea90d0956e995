"""What goes wrong, said to a person: no traceback, the cause, the remedy, the log."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer
from rich.markup import escape

from ops import console

BAD_INPUT = 2
FAILED = 1
DEBUG = "MANACORE_DEBUG"


@dataclass(eq=False)
class OpsError(Exception):
    """A failure with its lines for the person, and the log that tells more."""

    message: str
    details: Sequence[str] = field(default_factory=tuple[str, ...])
    log: Path | None = None
    exit_code: int = FAILED

    def __str__(self) -> str:
        return "\n".join([self.message, *self.details])


class InvalidInput(OpsError):  # noqa: N818 - said as what it is
    """The configuration is refused; nothing was touched."""

    def __init__(self, problems: Sequence[str]) -> None:
        """All problems at once, each `path: message (remedy)`."""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            message=f"The configuration has {count}; nothing was touched:",
            details=problems,
            exit_code=BAD_INPUT,
        )


def show(error: OpsError) -> None:
    """Print a failure on stderr."""
    console.err.print(f"[bold red]{escape(error.message)}[/]")
    for line in error.details:
        console.note(f"  {line}")
    if error.log is not None:
        console.note(f"Details: {error.log}")


@contextmanager
def told() -> Generator[None]:
    """Turn failures into messages and exit codes; `MANACORE_DEBUG=1` keeps tracebacks."""
    if os.environ.get(DEBUG):
        yield
        return
    try:
        yield
    except OpsError as error:
        show(error)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        console.note("Interrupted. The next run converges.")
        raise typer.Exit(130) from None
