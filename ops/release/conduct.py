"""A release or a rollback, step by step; whatever happens, the former version stays or returns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from ops import console
from ops.failures import OpsError
from ops.release import ledger as ledgers
from ops.release import recovery, waves
from ops.release.change import Change
from ops.release.observer import Observer
from ops.release.prober import Prober
from ops.release.receipt import Outcome, Receipt, Watch
from ops.release.recorder import Recorder
from ops.release.site import Site
from ops.release.watch import Outcome as Verdict
from ops.release.watch import Rules
from stacks.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to release. `watch` in seconds; 0 leaves the window out."""

    watch: float = 300
    probe: bool = True
    migrate: bool = True


@dataclass
class Conductor:
    """Carries one change out on a stack."""

    site: Site
    options: Options
    _watched: Watch | None = field(default=None, init=False)

    def release(self, change: Change) -> Receipt:
        """Put the change live; the receipt says how it went.

        A failure before the switch leaves what was live untouched, and empties the new slots; a
        breach of the watch window switches back. Neither raises: see the receipt's outcome.
        Raises `OpsError` when the change does not fit into memory.
        """
        planned = self._waves(change)
        recorder = Recorder(
            folder=recovery.RECEIPTS,
            stack=self.site.target.stack,
            kind="release",
            services=change.services,
            plan_hash=change.hash,
        )
        probes = self.site.probes(change.images) if self.options.probe else []
        with Prober(probes) if probes else nullcontext() as prober:
            outcome, reason = self._carried_out(change, planned, recorder, prober)
        report = prober.report() if prober else None
        return recorder.write(outcome, reason=reason, watch=self._watched, prober=report)

    def rollback(self, change: Change) -> Receipt:
        """Put earlier images live again: by the flip alone where their slots are still warm."""
        recorder = Recorder(
            folder=recovery.RECEIPTS,
            stack=self.site.target.stack,
            kind="rollback",
            services=change.services,
            plan_hash=change.hash,
        )
        cold = {
            service: image
            for service, image in change.images.items()
            if change.ledger[service].image(change.slots[service]) != image
        }
        ready = change.ledger
        try:
            if cold:
                with recorder.step("start the earlier versions"):
                    ready = ledgers.prepared(ready, cold)
                    self.site.apply(ready, "prepare")
            with recorder.step("flip"):
                self.site.apply(ledgers.flipped(ready, change.slots), "flip")
        except OpsError as error:
            return recorder.write(Outcome.FAILED, reason=_reason(error))
        return recorder.write(Outcome.ROLLED_BACK)

    def _waves(self, change: Change) -> list[tuple[str, ...]]:
        """The waves in which new slots start; raises `DoesNotFitError`."""
        planned: list[tuple[str, ...]] = []
        for services in self.site.by_server(change.images).values():
            server = self.site.server_of(services[0])
            total, promised = server.memory()
            idle = sum(
                self.site.catalog[service].memory
                for service in services
                if change.ledger[service].image(change.slots[service])
            )
            planned += waves.plan(
                [
                    waves.NewSlot(
                        service=service,
                        memory=self.site.catalog[service].memory,
                        replaces=self.site.catalog[service].memory,
                    )
                    for service in services
                ],
                waves.Memory(server=server.name, total=total, running=promised - idle),
            )
        return planned

    def _carried_out(
        self,
        change: Change,
        planned: Sequence[tuple[str, ...]],
        recorder: Recorder,
        prober: Prober | None,
    ) -> tuple[Outcome, str]:
        ledger = change.ledger
        try:
            for number, wave in enumerate(planned, 1):
                of = f" {number} of {len(planned)}" if len(planned) > 1 else ""
                with recorder.step(f"start new slots{of}"):
                    images = {service: change.images[service] for service in wave}
                    ledger = ledgers.prepared(ledger, images)
                    self.site.apply(ledger, "prepare")
            with recorder.step("smoke tests"):
                self._smoke(change)
            if self.options.migrate:
                self._migrate(change, recorder)
            observer = Observer(self.site, change)
            observer.baseline()
        except OpsError as error:
            return self._given_up(change, recorder, ledger, _reason(error))
        live = ledgers.flipped(ledger, change.slots)
        try:
            if prober:
                prober.mark("flip")
            with recorder.step("flip"):
                self.site.apply(live, "flip")
            flipped = time.monotonic()
            if self.options.watch <= 0:
                return Outcome.RELEASED, ""
            with recorder.step("watch"):
                breaches = self._watch(observer)
        except OpsError as error:
            flipped, breaches = time.monotonic(), [_reason(error)]
        if not breaches:
            return Outcome.RELEASED, ""
        return self._back(change, recorder, live, breaches, flipped)

    def _smoke(self, change: Change) -> None:
        failed: dict[str, str] = {}
        for services in self.site.by_server(change.images).values():
            asked = [self.site.smoke(service, change.slots[service]) for service in services]
            failed |= self.site.server_of(services[0]).smoke(asked)
        if failed:
            lines = [f"{container} {why}" for container, why in failed.items()]
            raise OpsError("A new slot does not work:", lines)

    def _migrate(self, change: Change, recorder: Recorder) -> None:
        for service, slot in change.slots.items():
            command = self.site.catalog[service].migrate
            if command:
                with recorder.step(f"migrate {service}"):
                    self.site.server_of(service).run(f"{service}-{slot}", command)

    def _watch(self, observer: Observer) -> list[str]:
        rules = Rules(window=self.options.watch)
        watch = observer.watch(rules)
        breaches = [str(breach) for breach in watch.breaches]
        if watch.outcome is not Verdict.HELD and not breaches:
            breaches = ["the watch ended without a verdict"]
        if watch.blind:
            breaches += [f"{service} could not be observed" for service in watch.blind]
        self._watched = Watch(
            seconds=rules.window,
            breaches=tuple(breaches),
            detected_seconds=watch.at_seconds if breaches else None,
        )
        return breaches

    def _given_up(
        self, change: Change, recorder: Recorder, ledger: Ledger, reason: str
    ) -> tuple[Outcome, str]:
        """Empty the new slots: what was live has not been touched."""
        console.note(f"  given up: {reason}")
        try:
            with recorder.step("clear new slots"):
                self.site.apply(ledgers.retired(ledger, change.slots), "clear")
        except OpsError as error:
            reason += f"; the new slots are still there: {_reason(error)}; the next up clears them"
        return Outcome.FAILED, reason

    def _back(
        self,
        change: Change,
        recorder: Recorder,
        live: Ledger,
        breaches: Sequence[str],
        flipped: float,
    ) -> tuple[Outcome, str]:
        detected = time.monotonic()
        before = {service: change.ledger[service].live for service in change.images}
        for breach in breaches:
            console.note(f"  breach: {breach}")
        try:
            with recorder.step("flip back"):
                self.site.apply(ledgers.flipped(live, before), "rollback")
        except OpsError as error:
            return Outcome.FAILED, f"{breaches[0]}; flipping back failed: {_reason(error)}"
        self._watched = Watch(
            seconds=self.options.watch,
            breaches=tuple(breaches),
            detected_seconds=detected - flipped,
            rolled_back_seconds=time.monotonic() - detected,
        )
        return Outcome.ROLLED_BACK, breaches[0]


def _reason(error: OpsError) -> str:
    return " ".join(str(error).split())
