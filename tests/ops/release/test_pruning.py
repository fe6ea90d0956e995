"""Which images a rollback may need, and what Docker tells of those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ops.release.pruning import KEPT_RECEIPTS, needed, pruned, stored
from ops.release.server import Server
from stacks.ledger import Entry, Ledger, Slot
from tests.ops.release import receipts

LIVE = receipts.image("live")
LEDGER = Ledger({"chat-backend": Entry(live=Slot.BLUE, blue=LIVE)})
GB = 1_000_000_000


def image(tag: str, day: int, *, named: bool = True) -> dict[str, Any]:
    name = f"ghcr.io/wuesteon/chat-backend@sha256:{tag * 8}"
    return {
        "Id": f"sha256:{tag * 16}",
        "RepoTags": None,
        "RepoDigests": [name] if named else [f"docker.io/other@sha256:{tag}"],
        "Size": GB,
        "Created": f"2026-11-{day:02}T08:00:00.123456789Z",
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
    }


class Shelf(Server):
    """A server of which only the images are asked."""

    def __init__(self, images: list[dict[str, Any]], used: list[str]) -> None:
        super().__init__("main", {})
        self.there, self.used, self.removed = images, used, list[str]()

    def images(self) -> list[dict[str, Any]]:
        return self.there

    def images_in_use(self) -> list[str]:
        return self.used

    def remove_images(self, identities: Sequence[str]) -> None:
        self.removed = list(identities)


def test_the_ledger_and_the_last_receipts_are_needed_and_older_ones_are_not() -> None:
    found = [receipts.receipt(before=f"b{n}", after=f"a{n}") for n in range(KEPT_RECEIPTS + 2)]
    keep = needed(LEDGER, found)
    assert LIVE in keep
    assert {receipts.image("b0"), receipts.image("a4")} <= keep
    assert receipts.image("b5") not in keep


def test_the_oldest_of_ours_go_first_and_what_is_used_or_foreign_stays() -> None:
    images = [
        image("a", 1),
        image("b", 2),
        image("c", 3),
        image("d", 4),
        image("e", 1, named=False),
    ]
    shelf = Shelf(images, used=["sha256:" + "a" * 16])
    done = pruned(shelf, keep=[], ours=["ghcr.io/wuesteon/"], budget=3 * GB)
    assert shelf.removed == ["sha256:" + "b" * 16, "sha256:" + "c" * 16]
    assert (done.before, done.after) == (5 * GB, 3 * GB)


def test_an_image_that_was_pulled_by_digest_is_as_old_as_its_build() -> None:
    (found,) = stored([image("a", 7)])
    assert found.used.isoformat() == "2026-11-07T08:00:00+00:00"
