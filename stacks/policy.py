"""Where the stacks differ: what is protected, and who owns what both share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A stack's policy.

    `protect` guards servers, addresses, volumes and the backup bucket against deletion.
    `owns_repository` says that the rules of the repository as a whole belong to this stack.
    """

    protect: bool
    owns_repository: bool
