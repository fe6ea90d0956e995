"""Where the command line prints: answers on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys

from rich.console import Console

# Wide enough for tables when the output is no terminal: a pipe has no width of its own.
_WIDTH = None if sys.stdout.isatty() else 160

out = Console(width=_WIDTH, highlight=False)
err = Console(stderr=True, width=_WIDTH, highlight=False)


def answer(value: object) -> None:
    """Print a value as JSON, for programs."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def note(text: str) -> None:
    """Tell the person something that is not the answer."""
    err.print(text, markup=False)
