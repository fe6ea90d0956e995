"""Names of Actions secrets and variables: GitHub's rules, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ALLOWED = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_RESERVED = "GITHUB_"
LIMIT = 100
"""Secrets, and likewise variables, that one repository or environment may hold."""


def name_errors(names: Iterable[str], path: str) -> list[str]:
    """What is wrong with `names`, one line each, as `path.NAME: fault`.

    Source: docs.github.com, "Naming your secrets" and "Naming conventions for variables".
    GitHub keeps names in upper case, so two that differ only by case are one.
    """
    errors: list[str] = []
    seen: dict[str, str] = {}
    for name in names:
        where = f"{path}.{name}"
        if not _ALLOWED.match(name):
            errors.append(f"{where}: use letters, digits and _ only, and no digit first")
        if name.upper().startswith(_RESERVED):
            errors.append(f"{where}: the prefix {_RESERVED} is reserved by GitHub")
        if name.upper() in seen:
            errors.append(f"{where}: the same name to GitHub as {seen[name.upper()]}")
        seen.setdefault(name.upper(), name)
    if len(seen) > LIMIT:
        errors.append(f"{path}: {len(seen)} entries, GitHub holds {LIMIT}")
    return errors


def logical(name: str) -> str:
    """The part of a logical resource name that stands for a secret's or variable's name."""
    return name.lower().replace("_", "-")
