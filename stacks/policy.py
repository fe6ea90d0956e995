"""Where the stacks differ beyond their configuration: who owns what both share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A stack's policy.

    `owns_repository` says that the rules of the repository as a whole belong to this stack.
    """

    owns_repository: bool
