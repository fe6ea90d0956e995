"""A canary before the switch: the new slots get a share of the clients, and are watched."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ops import console
from ops.release import ledger as ledgers
from ops.release.metrics import Traffic
from ops.release.observer import Observer
from ops.release.receipt import Canary, Figures
from ops.release.recorder import Recorder
from ops.release.site import Site
from ops.release.watch import Outcome, Rules
from stacks.ledger import Ledger

SINCE = "the canary began"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a canary is tried: `percent` of the clients (1 to 99) for so many seconds."""

    percent: int
    seconds: float

    def run(self, site: Site, ledger: Ledger, observer: Observer, recorder: Recorder) -> Canary:
        """Give the share, watch, and take it back at a breach; else the share stays.

        Whatever fails is a breach. Raises `OpsError` when the share cannot be taken back.
        """
        canary, begun = Canary(percent=self.percent, seconds=self.seconds), time.monotonic()
        services = list(observer.change.images)
        try:
            with recorder.step("canary"):
                site.steer(ledgers.shared(ledger, services, self.percent), "canary")
            begun = time.monotonic()
            with recorder.step("watch canary"):
                canary = self._watched(canary, observer)
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            canary = canary.model_copy(update={"breaches": (said,)})
        if not canary.breaches:
            return canary
        detected = time.monotonic()
        for breach in canary.breaches:
            console.note(f"  breach: {breach}")
        with recorder.step("take the share back"):
            site.steer(ledgers.shared(ledger, services, None), "canary")
        seconds = {
            "detected_seconds": detected - begun,
            "taken_back_seconds": time.monotonic() - detected,
        }
        return canary.model_copy(update=seconds)

    def _watched(self, canary: Canary, observer: Observer) -> Canary:
        watch = observer.watch(Rules(window=self.seconds, since=SINCE), canary=True)
        breaches = [str(breach) for breach in watch.breaches]
        breaches += [f"{service} could not be observed" for service in watch.blind]
        if watch.outcome is not Outcome.HELD and not breaches:
            breaches = ["the canary's watch ended without a verdict"]
        found = watch.figures
        return canary.model_copy(
            update={
                "breaches": tuple(breaches),
                "new": {service: _figures(new) for service, (new, _) in found.items()},
                "live": {service: _figures(live) for service, (_, live) in found.items()},
            }
        )


def _figures(traffic: Traffic) -> Figures:
    p95 = None if traffic.p95 is None else traffic.p95 * 1000
    return Figures(requests=traffic.requests, failed=traffic.failed, p95_ms=p95)
