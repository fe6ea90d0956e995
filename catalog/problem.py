"""What is wrong with an input: where, what, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One refused input. `path` leads to it (`file: key.key`), `remedy` says how to mend it."""

    path: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """The line that a person reads."""
        return f"{self.path}: {self.message} ({self.remedy})"


class InvalidInputError(Exception):
    """Everything that is wrong with the inputs, all at once, before anything was touched."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order of their paths, without repeats."""
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{len(self.problems)} problem(s) in the configuration:\n{lines}")


def from_validation(error: ValidationError, file: str, known: Iterable[str] = ()) -> list[Problem]:
    """Translate pydantic's errors: each with `file: key.key`, and a remedy.

    `known` are the allowed keys, from which a mistyped one gets its suggestion.
    """
    known = tuple(known)
    return [
        Problem(
            path=f"{file}: {_dotted(detail['loc'])}",
            message=_message(detail["type"], detail["msg"], detail.get("input")),
            remedy=_remedy(detail["type"], detail["loc"], known, detail.get("ctx", {})),
        )
        for detail in error.errors(include_url=False)
    ]


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "(whole file)"


def _message(kind: str, text: str, value: object) -> str:
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return text.removeprefix("Value error, ")
    shown = "" if isinstance(value, dict | list) else f", not {value!r}"
    return text[0].lower() + text[1:] + shown


def _remedy(
    kind: str, location: tuple[int | str, ...], known: tuple[str, ...], context: dict[str, Any]
) -> str:
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        return f"did you mean {close[0]}?" if close else "remove it"
    if kind == "missing":
        return "add it"
    if "expected" in context:
        return f"use {context['expected']}"
    return "correct the value"


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the closest known one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(wrong, names, n=1)
    return f"did you mean {close[0]}?" if close else f"use one of: {', '.join(names)}"
