"""`manacore release`, `rollback`, `history` and `retire`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ops import console
from ops.failures import InvalidInput, OpsError, told
from ops.options import AsJson, Local, Stack
from ops.release import change as changes
from ops.release import history as histories
from ops.release import ledger as ledgers
from ops.release import pruning, recovery
from ops.release import receipt as receipts
from ops.release.canary import Trial
from ops.release.change import Change
from ops.release.conduct import Conductor, Options
from ops.release.opened import opened
from ops.release.receipt import Outcome, Receipt, Receipts
from ops.release.site import Site
from ops.release.undo import undoing

KEPT = timedelta(hours=1)
Services = Annotated[
    list[str] | None, typer.Argument(help="SERVICE=TAG ...: an atomic set.", metavar="SERVICE=TAG")
]
Manifest = Annotated[Path | None, typer.Option(help="YAML or JSON file: service: tag.")]
Window = Annotated[float, typer.Option("--watch", min=0, help="Watch window in seconds; 0: none.")]
Probe = Annotated[bool, typer.Option(help="Send requests through the edge while it happens.")]
Migrate = Annotated[bool, typer.Option(help="Run the services' migrations before the switch.")]
Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse-migration",
        help="First, migrate a copy of the latest backup, and try the live version on it.",
    ),
]
Percent = Annotated[
    int | None,
    typer.Option("--canary", min=1, max=99, help="Percent of the clients that get them first."),
]
CanarySeconds = Annotated[
    float, typer.Option(min=1, help="How long the canary is watched before all get them.")
]
Undone = Annotated[list[str] | None, typer.Argument(help="Only these services.")]
Named = Annotated[str | None, typer.Option("--release", help="Id of the release to undo.")]


def release(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    services: Services = None,
    manifest: Manifest = None,
    stack: Stack = "staging",
    local: Local = False,
    as_json: AsJson = False,
    watch: Window = 300,
    probe: Probe = True,
    migrate: Migrate = True,
    rehearse: Rehearse = False,
    canary: Percent = None,
    canary_seconds: CanarySeconds = 120,
) -> None:
    """Put new versions live: idle slots, smoke tests, migrations, one flip, a watch window.

    With --canary a share of the clients gets them first.
    """
    with told():
        trial = Trial(percent=canary, seconds=canary_seconds) if canary else None
        listed = changes.manifest(manifest) if manifest else {}
        tags = changes.requested(services or [], listed)
        with opened(stack, local=local, what="a release") as site:
            change = changes.pinned(site.ledger, site.order, tags, site.digests)
            site.verify(change.images.values())
            if trial:
                _refuse_closed(change)
            options = Options(
                watch=watch, probe=probe, migrate=migrate, rehearse=rehearse, canary=trial
            )
            done = Conductor(site, options).release(change)
    _show(done, as_json=as_json)
    lost = done.prober and (done.prober.failed or done.prober.broken)
    if done.outcome is not Outcome.RELEASED or lost:
        raise typer.Exit(1)


def rollback(
    services: Undone = None,
    release_id: Named = None,
    stack: Stack = "staging",
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Put the former versions live again: of the last release, a named one, or single services."""
    with told(), opened(stack, local=local, what="a rollback") as site:
        found, damaged = receipts.read_all(recovery.RECEIPTS, stack)
        for line in damaged:
            console.note(f"damaged: {line}")
        undone = undoing(site.ledger, site.order, found, services or (), release_id)
        done = Conductor(site, Options()).rollback(undone)
    _show(done, as_json=as_json)
    if done.outcome is not Outcome.ROLLED_BACK:
        raise typer.Exit(1)


def history(stack: Stack = "staging", as_json: AsJson = False) -> None:
    """List releases and rollbacks with their outcome, and the figures of all together."""
    found = receipts.read_all(recovery.RECEIPTS, stack)
    figures = histories.kpis(found.receipts, datetime.now(UTC))
    for line in found.damaged:
        console.note(f"damaged: {line}")
    if as_json:
        listed = [one.model_dump(mode="json") for one in found.receipts]
        console.answer({"kpis": vars(figures), "receipts": listed, "damaged": found.damaged})
        return
    console.out.print(histories.table(found.receipts))
    for line in histories.kpi_lines(figures):
        console.out.print(line, markup=False)


def retire(
    stack: Stack = "staging",
    local: Local = False,
    now: Annotated[bool, typer.Option("--now", help="Not only those older than an hour.")] = False,
    disk: Annotated[float, typer.Option(help="GB that images may take on a server.")] = 20,
) -> None:
    """Stop idle slots replaced more than an hour ago, and remove images beyond the disk budget."""
    with told(), opened(stack, local=local, what="retiring old slots") as site:
        oldest = datetime.now(UTC) - (timedelta() if now else KEPT)
        found = receipts.read_all(recovery.RECEIPTS, stack)
        recent = {
            change.service
            for one in found.receipts
            if one.ended > oldest
            for change in one.services
        }
        ledger = site.ledger
        idle = {
            service: entry.live.other
            for service, entry in ledger.entries.items()
            if entry.image(entry.live.other) and service not in recent and not entry.canary
        }
        if idle:
            site.apply(ledgers.retired(ledger, idle), "retire")
        console.note(f"{len(idle)} idle slots retired" + (f": {', '.join(idle)}" if idle else ""))
        _prune(site, found, disk)


def _prune(site: Site, found: Receipts, gigabytes: float) -> None:
    ledger = site.ledger
    if found.damaged:
        # What a receipt that cannot be read names is not known, so nothing may go.
        raise OpsError("Receipts are damaged; no image was removed:", found.damaged)
    keep = pruning.needed(ledger, found.receipts)
    ours = sorted({image.rpartition("/")[0] + "/" for image in ledger.images})
    for server in site.servers:
        done = pruning.pruned(server, keep, ours, round(gigabytes * 1e9))
        sizes = f"{done.before / 1e9:.1f} GB of images, {done.after / 1e9:.1f} GB now"
        console.note(f"{server.name}: {len(done.remove)} images removed ({sizes})")
        if done.shortfall:
            console.note(f"  {done.shortfall}")


def _refuse_closed(change: Change) -> None:
    closed = [service for service in change.images if change.ledger[service].maintenance]
    if closed:
        raise InvalidInput(
            [
                f"{service}: is under maintenance: a canary would have no clients"
                for service in closed
            ]
        )


def _show(done: Receipt, *, as_json: bool) -> None:
    if as_json:
        console.answer(done.model_dump(mode="json"))
        return
    for line in receipts.summary(done):
        console.out.print(line, markup=False)
