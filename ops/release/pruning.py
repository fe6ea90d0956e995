"""Removing images that no rollback needs, when a server's disk budget asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from ops.release.receipt import Receipt
from ops.release.retention import Pruning, StoredImage, prune
from ops.release.server import Server
from stacks.ledger import Ledger

# As many of the last releases as a rollback may reach back to.
KEPT_RECEIPTS = 5


def needed(ledger: Ledger, found: Sequence[Receipt]) -> set[str]:
    """The images that the ledger or one of the last receipts names; receipts are newest first."""
    named = {
        image
        for receipt in found[:KEPT_RECEIPTS]
        for change in receipt.services
        for image in (change.image_before, change.image_after)
        if image
    }
    return named | set(ledger.images)


def pruned(server: Server, keep: Iterable[str], ours: Sequence[str], budget: int) -> Pruning:
    """Remove what is beyond the budget (bytes) on a server; what is in use or not ours stays.

    Raises `OpsError` when the server cannot be asked.
    """
    used = set(server.images_in_use())
    decided = prune(stored(server.images()), keep={*keep, *used}, ours=ours, budget=budget)
    server.remove_images([image.id for image in decided.remove])
    return decided


def stored(told: Iterable[dict[str, Any]]) -> list[StoredImage]:
    """Images as `docker image inspect` tells them."""
    found: list[StoredImage] = []
    for image in told:
        tags = cast("list[str]", image.get("RepoTags") or [])
        digests = cast("list[str]", image.get("RepoDigests") or [])
        metadata = cast("dict[str, Any]", image.get("Metadata") or {})
        pulled = str(metadata.get("LastTagTime") or "")
        # An image that was pulled by its digest was never tagged.
        moment = pulled if pulled[:4] > "0001" else str(image["Created"])
        found.append(
            StoredImage(
                id=str(image["Id"]),
                references=(*tags, *digests),
                size=int(image["Size"]),
                used=datetime.fromisoformat(moment[:19] + "+00:00"),
            )
        )
    return found
