"""What the receipts tell together: the plan's figures, and the table of `./manacore history`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from rich.table import Table
from rich.text import Text

from ops.release.receipt import Outcome, Receipt

WINDOW = timedelta(days=30)
_COLOURS = {
    Outcome.RELEASED: "green",
    Outcome.ROLLED_BACK: "yellow",
    Outcome.FAILED: "red",
    Outcome.REFUSED: "dim",
    Outcome.RUNNING: "cyan",
    Outcome.INTERRUPTED: "red",
}


@dataclass(frozen=True, kw_only=True)
class Kpis:
    """The plan's figures. A median or a rate of nothing is None.

    `per_week`: releases that went live, per week, over the last 30 days; all others are over all
    receipts. `median_seconds`, `p90_seconds`: of releases that stayed live, from start to end,
    the watch window included. `success_rate`: of the releases that were begun, those that
    stayed live when their command ended. `change_failure_rate`: of the releases that went live,
    those rolled back, by their own watch or by a rollback later. `median_rollback_seconds`: of
    both kinds of rollback. `sent` and `failed`: the probers' requests.
    """

    per_week: float
    median_seconds: float | None
    p90_seconds: float | None
    success_rate: float | None
    change_failure_rate: float | None
    median_rollback_seconds: float | None
    sent: int
    failed: int


def kpis(receipts: Iterable[Receipt], now: datetime) -> Kpis:
    """The figures of these receipts, in any order."""
    ordered = sorted(receipts, key=lambda receipt: receipt.id)
    not_begun = (Outcome.REFUSED, Outcome.RUNNING)
    releases = [r for r in ordered if r.kind == "release" and r.outcome not in not_begun]
    live = [r for r in releases if _went_live(r)]
    stayed = [r for r in releases if r.outcome is Outcome.RELEASED]
    durations = [r.seconds for r in stayed]
    undone = {r.id for r in live if r.outcome is Outcome.ROLLED_BACK} | _undone_later(ordered)
    rollbacks = _rollback_seconds(ordered)
    recent = [r for r in live if now - WINDOW < r.started <= now]
    reports = [r.prober for r in ordered if r.prober]
    return Kpis(
        per_week=len(recent) / (WINDOW / timedelta(weeks=1)),
        median_seconds=median(durations) if durations else None,
        p90_seconds=_nearest_rank(durations, 0.9),
        success_rate=_share(len(stayed), len(releases)),
        change_failure_rate=_share(len(undone), len(live)),
        median_rollback_seconds=median(rollbacks) if rollbacks else None,
        sent=sum(report.sent for report in reports),
        failed=sum(report.failed for report in reports),
    )


def kpi_lines(figures: Kpis) -> list[str]:
    """The figures in short lines of plain text."""
    return [
        f"releases: {figures.per_week:.1f} per week over the last {WINDOW.days} days",
        f"duration: median {_seconds(figures.median_seconds)}, p90 {_seconds(figures.p90_seconds)}",
        f"success rate: {_percent(figures.success_rate)}, "
        f"change-failure rate: {_percent(figures.change_failure_rate)}",
        f"rollback: median {_seconds(figures.median_rollback_seconds)}",
        f"requests during releases: {figures.sent} sent, {figures.failed} failed",
    ]


def table(receipts: Sequence[Receipt]) -> Table:
    """The receipts as a table, in their order."""
    found = Table("id", "kind", "outcome", "services", "duration", "failed/sent", "who")
    for receipt in receipts:
        probed = receipt.prober
        found.add_row(
            receipt.id,
            receipt.kind,
            Text(receipt.outcome, style=_COLOURS[receipt.outcome]),
            Text(_services(receipt)),
            _seconds(receipt.seconds),
            f"{probed.failed}/{probed.sent}" if probed else "-",
            Text(receipt.who),
        )
    return found


def _went_live(receipt: Receipt) -> bool:
    return receipt.kind == "release" and receipt.outcome in (
        Outcome.RELEASED,
        Outcome.ROLLED_BACK,
    )


def _undone_later(ordered: Sequence[Receipt]) -> set[str]:
    """The releases of which a later rollback took an image back.

    A rollback need not name a release: it undoes the one that made live what it replaces.
    """
    made_live: dict[tuple[str, str | None], str] = {}
    undone: set[str] = set()
    for receipt in ordered:
        for change in receipt.services:
            if receipt.kind == "release" and receipt.outcome is Outcome.RELEASED:
                made_live[change.service, change.image_after] = receipt.id
            elif receipt.kind == "rollback" and receipt.outcome is Outcome.ROLLED_BACK:
                release = made_live.get((change.service, change.image_before))
                undone |= {release} if release else set()
    return undone


def _rollback_seconds(receipts: Iterable[Receipt]) -> list[float]:
    found: list[float] = []
    for receipt in receipts:
        if receipt.outcome is not Outcome.ROLLED_BACK:
            continue
        if receipt.kind == "rollback":
            found.append(receipt.seconds)
        elif receipt.watch and receipt.watch.rolled_back_seconds is not None:
            found.append(receipt.watch.rolled_back_seconds)
    return found


def _nearest_rank(values: Sequence[float], share: float) -> float | None:
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _services(receipt: Receipt) -> str:
    names = [change.service for change in receipt.services]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
