"""Which release a rollback undoes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ops.failures import OpsError
from ops.release.change import Change
from ops.release.receipt import Receipt
from stacks.ledger import Ledger


def undoing(
    ledger: Ledger,
    order: Sequence[str],
    receipts: Sequence[Receipt],
    services: Collection[str] = (),
    release_id: str | None = None,
) -> Change:
    """The change back: of the named release, or else of the last one of these services, or of all.

    `receipts` are newest first. Raises `OpsError` when that release is not live: what a person
    saw fail may have gone back by itself already, and one step further is never taken unasked.
    """
    releases = [one for one in receipts if one.kind == "release"]
    if release_id is not None:
        releases = [one for one in releases if one.id == release_id]
        _refuse_replaced(ledger, releases, services)
    wanted = list(services) or [change.service for one in releases[:1] for change in one.services]
    images: dict[str, str] = {}
    problems: list[str] = []
    for service in wanted:
        of_it = [one for one in releases if service in _services(one)]
        before = _before(ledger, of_it[0], service) if of_it else None
        if before:
            images[service] = before
        elif services or not of_it:
            problems += _not_live(ledger, of_it, service)
    if problems or not images:
        named = f"release {release_id}" if release_id else "release"
        problems = problems or _not_live(ledger, releases, None)
        raise OpsError(
            f"There is nothing to roll back: no such {named} is live; nothing was touched.",
            [*problems, "./manacore history lists the releases."],
        )
    return Change(ledger=ledger, images={name: images[name] for name in order if name in images})


def _services(receipt: Receipt) -> set[str]:
    return {change.service for change in receipt.services}


def _before(ledger: Ledger, receipt: Receipt, service: str) -> str | None:
    """What was live of a service before that release; None unless what it released is live."""
    entry = ledger.entries.get(service)
    for change in receipt.services:
        if change.service == service and entry and entry.image(entry.live) == change.image_after:
            return change.image_before
    return None


def _not_live(ledger: Ledger, releases: Sequence[Receipt], service: str | None) -> list[str]:
    """What became of the last of these releases, and how to undo the one before it."""
    if not releases:
        return [f"{service}: was never released"] if service else []
    last, *earlier = releases
    lines = [f"{service or 'the last release'}: {last.id} ended {last.outcome} and is not live"]
    for one in earlier:
        if any(_before(ledger, one, s) for s in ([service] if service else _services(one))):
            only = f" {service}" if service else ""
            lines.append(f"To undo the one before it: ./manacore rollback{only} --release {one.id}")
            break
    return lines


def _refuse_replaced(
    ledger: Ledger, releases: Sequence[Receipt], services: Collection[str]
) -> None:
    """A set goes back as a whole: not when something newer is live of a part of it."""
    replaced = [
        change.service
        for one in releases
        for change in one.services
        if (not services or change.service in services)
        and (entry := ledger.entries.get(change.service))
        and entry.image(entry.live) not in (change.image_before, change.image_after)
    ]
    if replaced:
        raise OpsError(
            "Something newer than that release is live; nothing was touched:",
            [*replaced, "Roll the newer release back first, or name the services to roll back."],
        )
