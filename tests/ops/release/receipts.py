"""Receipts for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from ops.release.probe_report import Kind
from ops.release.receipt import Outcome, Receipt, ServiceChange, Step, Watch, new_id
from ops.release.stats import Stats
from stacks.ledger import Slot

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


def image(tag: str, service: str = "chat-backend") -> str:
    """A reference as the ledger has it."""
    return f"ghcr.io/wuesteon/{service}:{tag}@sha256:{'0' * 64}"


def receipt(
    kind: Literal["release", "rollback"] = "release",
    outcome: Outcome = Outcome.RELEASED,
    *,
    days_ago: float = 0,
    seconds: float = 60,
    before: str = "one",
    after: str = "two",
    service: str = "chat-backend",
    watch: Watch | None = None,
    requests: int | None = None,
) -> Receipt:
    """A receipt of one service, with `requests` of the prober, of which the last one failed."""
    started = NOW - timedelta(days=days_ago)
    stats = Stats([f"{service}.example.com"])
    for number in range(requests or 0):
        if number + 1 == requests:
            stats.failed(f"{service}.example.com", Kind.KEEP_ALIVE, "reset")
        else:
            stats.answered(f"{service}.example.com", Kind.KEEP_ALIVE, seconds=0.01, status=200)
    return Receipt(
        id=new_id(started),
        stack="staging",
        kind=kind,
        who="anna@desk",
        started=started,
        ended=started + timedelta(seconds=seconds),
        outcome=outcome,
        services=(
            ServiceChange(
                service=service,
                image_before=image(before, service),
                image_after=image(after, service),
                slot_before=Slot.BLUE,
                slot_after=Slot.GREEN,
            ),
        ),
        plan_hash="4f1c2ab0" * 8,
        steps=(Step(name="flip", started=started, seconds=0.4, outcome="done"),),
        watch=watch,
        prober=None if requests is None else stats.report(),
    )


def steps(done: Receipt) -> list[tuple[str, str]]:
    """Its steps, and how each ended."""
    return [(step.name, step.outcome) for step in done.steps]
