"""A release or a rollback, step by step; whatever happens, the former version stays or returns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal

from ops import console
from ops.failures import OpsError
from ops.release import ledger as ledgers
from ops.release import recovery, waves
from ops.release.canary import Trial
from ops.release.change import Change
from ops.release.observer import Observer
from ops.release.probing import Probing
from ops.release.receipt import Canary, Outcome, Receipt, Watch
from ops.release.recorder import Recorder
from ops.release.recovery import START_EARLIER
from ops.release.rehearsal import Rehearsal
from ops.release.site import Site
from ops.release.watch import Outcome as Verdict
from ops.release.watch import Rules
from stacks.ledger import Ledger, Slot


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to release. `watch` in seconds; 0 leaves the window out."""

    watch: float = 300
    probe: bool = True
    migrate: bool = True
    rehearse: bool = False
    canary: Trial | None = None


@dataclass
class Conductor:
    """Carries one change out on a stack."""

    site: Site
    options: Options
    _watched: Watch | None = field(default=None, init=False)
    _canary: Canary | None = field(default=None, init=False)

    def release(self, change: Change) -> Receipt:
        """Put the change live; the receipt says how it went.

        A failure before the switch leaves what was live untouched, and empties the new slots; a
        breach of the watch window switches back. Neither raises: see the receipt's outcome.
        Raises `OpsError`, with nothing touched, when the change does not fit into memory or
        cannot be probed, and when the receipt cannot be written.
        """
        room = Rehearsal(site=self.site, change=change).memory if self.options.rehearse else 0
        planned = self._waves(change, change.images, room)
        prober = self._prober(change)
        recorder = self._recorder(change, "release")
        with prober or nullcontext():
            outcome, reason = self._carried_out(change, planned, recorder, prober)
        report = prober.report() if prober else None
        return recorder.write(
            outcome, reason=reason, canary=self._canary, watch=self._watched, prober=report
        )

    def rollback(self, change: Change) -> Receipt:
        """Put earlier images live again: by the flip alone where their slots are still warm.

        Raises `OpsError`, with nothing touched, when those that are not warm do not fit into
        memory, and when the receipt cannot be written.
        """
        cold = {
            service: image
            for service, image in change.images.items()
            if change.ledger[service].image(change.slots[service]) != image
        }
        planned = self._waves(change, cold)
        recorder = self._recorder(change, "rollback")
        try:
            ready = self._started(change, planned, recorder, START_EARLIER)
        except Exception as error:
            started = {service: change.slots[service] for service in cold}
            outcome, reason = self._given_up(change, started, recorder, _reason(error))
            return recorder.write(outcome, reason=reason)
        after = "flips to the earlier versions"
        try:
            with recorder.step("flip"):
                self.site.flip(ledgers.flipped(ready, change.slots))
            after = "records that the earlier versions are live"
            with recorder.step("record"):
                self.site.record("flip")
        except Exception as error:
            reason = f"{_reason(error)}; the next up {after}"
            return recorder.write(Outcome.FAILED, reason=reason)
        return recorder.write(Outcome.ROLLED_BACK)

    def _recorder(self, change: Change, kind: Literal["release", "rollback"]) -> Recorder:
        return Recorder(
            folder=recovery.RECEIPTS,
            stack=self.site.target.stack,
            kind=kind,
            services=change.services,
            plan_hash=change.hash,
        )

    def _prober(self, change: Change) -> Probing | None:
        probes = self.site.probes(change.images) if self.options.probe else []
        try:
            return Probing(probes) if probes else None
        except (ValueError, OSError) as error:
            raise OpsError(
                f"The release cannot be probed: {error}; nothing was touched.",
                ["Release fewer services at once, or with --no-probe."],
            ) from error

    def _waves(
        self, change: Change, images: Mapping[str, str], room: int = 0
    ) -> list[tuple[str, ...]]:
        """The waves in which new slots start, with `room` MiB left; raises `DoesNotFitError`."""
        planned: list[tuple[str, ...]] = []
        for services in self.site.by_server(images).values():
            server = self.site.server_of(services[0])
            total, limits = server.memory()
            # By what runs, not by the ledger: a slot may have stopped, or outlived a kill.
            replaced = {f"{service}-{change.slots[service]}" for service in services}
            running = sum(limit for name, limit in limits.items() if name not in replaced) + room
            planned += waves.plan(
                [
                    waves.NewSlot(
                        service=service,
                        memory=self.site.catalog[service].memory,
                        replaces=self.site.catalog[service].memory,
                    )
                    for service in services
                ],
                waves.Memory(server=server.name, total=total, running=running),
            )
        return planned

    def _started(
        self, change: Change, planned: Sequence[tuple[str, ...]], recorder: Recorder, what: str
    ) -> Ledger:
        """The ledger with the new slots, which are healthy."""
        ledger = change.ledger
        canaries = [service for service in change.images if ledger[service].canary]
        if canaries:
            # Nobody is to be on a slot that gets another image.
            with recorder.step("end the earlier canary"):
                ledger = ledgers.shared(ledger, canaries, None)
                self.site.steer(ledger, "canary")
        for number, wave in enumerate(planned, 1):
            of = f" {number} of {len(planned)}" if len(planned) > 1 else ""
            with recorder.step(f"{what}{of}"):
                images = {service: change.images[service] for service in wave}
                ledger = ledgers.prepared(ledger, images)
                self.site.apply(ledger, "prepare")
        return ledger

    def _carried_out(
        self,
        change: Change,
        planned: Sequence[tuple[str, ...]],
        recorder: Recorder,
        prober: Probing | None,
    ) -> tuple[Outcome, str]:
        # Any error, foreseen or not, takes the way back; a receipt left `running` would not say so.
        try:
            ledger = self._started(change, planned, recorder, "start new slots")
            with recorder.step("smoke tests"):
                self._smoke(change)
            if self.options.rehearse:
                self._rehearse(change, recorder)
            if self.options.migrate:
                self._migrate(change, recorder)
            observer = Observer(self.site, change)
            observer.baseline()
        except Exception as error:
            return self._given_up(change, change.slots, recorder, _reason(error))
        if self.options.canary:
            try:
                self._canary = self.options.canary.run(self.site, ledger, observer, recorder)
            except Exception as error:
                reason = f"{_reason(error)}; the next up takes the canary's share back"
                return Outcome.FAILED, reason
            if self._canary.breaches:
                return Outcome.ROLLED_BACK, self._canary.breaches[0]
        live = ledgers.flipped(ledger, change.slots)
        flipped: float | None = None
        try:
            if prober:
                prober.mark("flip")
            with recorder.step("flip"):
                self.site.flip(live)
            flipped = time.monotonic()
            with recorder.step("record"):
                self.site.record("flip")
            if self.options.watch <= 0:
                return Outcome.RELEASED, ""
            with recorder.step("watch"):
                breaches = self._watch(observer)
        except Exception as error:
            breaches = [_reason(error)]
        if not breaches:
            return Outcome.RELEASED, ""
        return self._back(change, recorder, live, breaches, flipped or time.monotonic())

    def _smoke(self, change: Change) -> None:
        failed: dict[str, str] = {}
        for services in self.site.by_server(change.images).values():
            asked = [self.site.smoke(service, change.slots[service]) for service in services]
            failed |= self.site.server_of(services[0]).smoke(asked)
        if failed:
            lines = [f"{container} {why}" for container, why in failed.items()]
            raise OpsError("A new slot does not work:", lines)

    def _rehearse(self, change: Change, recorder: Recorder) -> None:
        rehearsal = Rehearsal(site=self.site, change=change)
        for service in rehearsal.services:
            with recorder.step(f"rehearse {service}"):
                rehearsal.run(service)

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
        self, change: Change, slots: Mapping[str, Slot], recorder: Recorder, reason: str
    ) -> tuple[Outcome, str]:
        """Empty the new slots: what was live has not been touched."""
        console.note(f"  given up: {reason}")
        try:
            with recorder.step("clear new slots"):
                self.site.apply(ledgers.retired(change.ledger, slots), "clear")
        except Exception as error:
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
        self._watched = Watch(
            seconds=self.options.watch,
            breaches=tuple(breaches),
            detected_seconds=detected - flipped,
        )
        failed = "flipping back failed"
        try:
            with recorder.step("flip back"):
                self.site.flip(ledgers.flipped(live, before))
            seconds = time.monotonic() - detected
            self._watched = self._watched.model_copy(update={"rolled_back_seconds": seconds})
            failed = "the former versions are live; recording that failed"
            with recorder.step("record"):
                self.site.record("rollback")
        except Exception as error:
            reason = f"{breaches[0]}; {failed}: {_reason(error)}; the next up does it"
            return Outcome.FAILED, reason
        return Outcome.ROLLED_BACK, breaches[0]


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, OpsError) else f"{type(error).__name__}: {said}"
