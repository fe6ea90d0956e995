"""The receipt of a release while it happens: on the disk after every step."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ops import console
from ops.failures import OpsError
from ops.release import receipt
from ops.release.probe_report import ProbeReport
from ops.release.receipt import Canary, Outcome, Receipt, ServiceChange, Step, Watch


@dataclass(kw_only=True)
class Recorder:
    """Writes the receipt down as `running` first, so that a killed release is found."""

    folder: Path
    stack: str
    kind: Literal["release", "rollback"]
    services: Sequence[ServiceChange]
    plan_hash: str
    id: str = field(default_factory=receipt.new_id)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: list[Step] = field(default_factory=list[Step])
    _is_found: bool = field(default=False, init=False)

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """Do one step; it is in the receipt before it begins, and again when it has ended.

        Raises `OpsError` when there would be no receipt at all.
        """
        begun, clock = datetime.now(UTC), time.monotonic()
        console.note(f"  {name} ...")
        self._running(name)
        outcome: Literal["done", "failed"] = "failed"
        try:
            yield
            outcome = "done"
        finally:
            seconds = time.monotonic() - clock
            self.steps.append(Step(name=name, started=begun, seconds=seconds, outcome=outcome))
            console.note(f"  {name}: {outcome} in {seconds:.1f} s")
            self._running(name)

    def _running(self, name: str) -> None:
        try:
            self.write(Outcome.RUNNING, reason=name)
        except OpsError as error:
            # A kill is found by any receipt; that a later one fails must not stop the way back.
            if not self._is_found:
                raise
            console.note(f"  {error.message}")

    def write(
        self,
        outcome: Outcome,
        *,
        reason: str = "",
        canary: Canary | None = None,
        watch: Watch | None = None,
        prober: ProbeReport | None = None,
    ) -> Receipt:
        """Write the receipt as it is now; returns it. Raises `OpsError`."""
        written = Receipt(
            id=self.id,
            stack=self.stack,
            kind=self.kind,
            who=receipt.who(),
            started=self.started,
            ended=datetime.now(UTC),
            outcome=outcome,
            reason=reason,
            services=tuple(self.services),
            plan_hash=self.plan_hash,
            steps=tuple(self.steps),
            canary=canary,
            watch=watch,
            prober=prober,
        )
        try:
            receipt.write(self.folder, written)
        except OSError as error:
            raise OpsError(
                f"The receipt {self.id} cannot be written: {error}",
                [f"The {self.kind} is {outcome}" + (f": {reason}" if reason else "")],
            ) from error
        self._is_found = True
        return written
