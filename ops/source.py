"""The names of what is backed up, as a person writes them."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.problem import suggestion
from ops.failures import OpsError


def own(source: str) -> str:
    """A source's name without its kind: `chat` of `postgres/chat`."""
    return source.rpartition("/")[2]


def named(wanted: str, known: Iterable[str]) -> str:
    """The source that is meant: its name, or without the kind where only one has that.

    Raises `OpsError` when there is none, or more than one.
    """
    sources = sorted(set(known) - {""})
    found = [s for s in sources if s == wanted] or [s for s in sources if own(s) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise OpsError(f"{wanted} can be {' or '.join(found)}.", ["Write which one."])
    near = suggestion(wanted, [*sources, *map(own, sources)])
    raise OpsError(
        f"There is no backup of {wanted}.", [near if sources else "There are no backups at all."]
    )
