"""A ledger that is older than what is live: its run was not recorded, or nobody pulled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from ops.failures import OpsError
from stacks.ledger import Ledger


def refuse(ledger: Ledger, outputs: Mapping[str, Any], stack: str, known: Collection[str]) -> None:
    """Raise `OpsError` when other versions are live, by the stack's outputs, than the ledger says.

    The slot that such a ledger calls idle is the one that answers: a release would put its new
    version into it, and an update would let an older version answer, watched by nobody. `known`
    are services of which a receipt tells why.
    """
    differing = [
        line
        for found in cast("Sequence[Mapping[str, Any]]", outputs.get("services") or [])
        if found["name"] not in known and (line := _difference(ledger, found))
    ]
    if differing:
        raise OpsError(
            f"releases/{stack}.yaml is not what is live; nothing was touched:",
            [
                *differing,
                "Get the newest one: git pull, or the summary of the run that could not push it.",
                f"Or make the ledger's versions live: ./manacore up --flip --stack {stack}",
            ],
        )


def _difference(ledger: Ledger, found: Mapping[str, Any]) -> str:
    name, slot, image = str(found["name"]), found["slot"], str(found["image"])
    if not slot or name not in ledger.entries:
        return ""
    entry = ledger[name]
    said = str(entry.image(entry.live))
    if (entry.live.value, said) == (slot, image):
        return ""
    return f"{name}: {image} ({slot}) is live, the ledger has {said} ({entry.live.value})"
