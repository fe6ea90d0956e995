"""A canary before the switch: nobody stays on a new slot that does not do as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ops.failures import OpsError
from ops.release import ledger as ledgers
from ops.release import receipt, recovery
from ops.release.canary import Trial
from ops.release.receipt import Outcome
from stacks.ledger import Slot
from tests.ops.release.platforms import BACKEND, UNHEALTHY, WEB, Platform, change, ledger
from tests.ops.release.receipts import image, steps

pytestmark = pytest.mark.usefixtures("receipts")

TRIAL = Trial(percent=10, seconds=0.05)


def shares(platform: Platform) -> list[int | None]:
    """The share of the web's idle slot in each ledger that was applied."""
    return [one[WEB].canary for one in platform.ledgers]


def test_the_new_slots_get_their_share_and_then_everybody(receipts: Path) -> None:
    platform = Platform()
    done = platform.conductor(watch=0.05, canary=TRIAL).release(change(BACKEND, WEB))
    applied = [e for e in platform.events if e in ("prepare", "canary", "flip")]
    assert applied == ["prepare", "canary", "flip"]
    assert shares(platform) == [None, 10, None]
    assert [one[WEB].live for one in platform.ledgers] == [Slot.BLUE, Slot.BLUE, Slot.GREEN]
    assert [name for name, _ in steps(done)] == [
        "start new slots",
        "smoke tests",
        "canary",
        "watch canary",
        "flip",
        "record",
        "watch",
    ]
    assert done.outcome is Outcome.RELEASED
    assert done.canary is not None
    assert (done.canary.percent, done.canary.seconds, done.canary.breaches) == (10, 0.05, ())
    assert set(done.canary.new) == set(done.canary.live) == {BACKEND, WEB}
    assert receipt.read(receipts, "staging", done.id) == done
    told = receipt.summary(done)
    assert "canary of 10 %, 0 s: no breach" in told
    assert any(line.startswith(f"canary: {WEB}: 0 requests") for line in told)


def test_a_breach_takes_the_share_back_and_nothing_is_switched(receipts: Path) -> None:
    platform = Platform()
    platform.trouble["canary"] = lambda: setattr(platform, "container", UNHEALTHY)
    done = platform.conductor(watch=0.05, canary=TRIAL).release(change(WEB))
    assert "flip" not in platform.events
    assert shares(platform) == [None, 10, None]
    assert platform.live[WEB].live is Slot.BLUE
    # The slot stays for what is under way on it.
    assert platform.live[WEB].green == image("two", WEB)
    assert done.outcome is Outcome.ROLLED_BACK
    assert f"{WEB}: unhealthy" in done.reason
    assert "after the canary began" in done.reason
    assert done.canary is not None
    assert done.canary.breaches == (done.reason,)
    assert done.canary.taken_back_seconds is not None
    assert steps(done)[-1] == ("take the share back", "done")
    assert any(line.startswith("share taken back within") for line in receipt.summary(done))
    assert not recovery.unsettled(receipts, "staging")


def test_a_share_that_cannot_be_given_is_taken_back() -> None:
    failures = iter([OpsError("no")])

    def first_fails() -> None:
        for failure in failures:
            raise failure

    platform = Platform(trouble={"canary": first_fails})
    done = platform.conductor(canary=TRIAL).release(change(WEB))
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, "no")
    assert shares(platform) == [None, 10, None]


def test_a_share_that_cannot_be_taken_back_is_unsettled(receipts: Path) -> None:
    platform = Platform(trouble={"canary": OpsError("lost")})
    done = platform.conductor(canary=TRIAL).release(change(WEB))
    assert done.outcome is Outcome.FAILED
    assert done.reason == "lost; the next up takes the canary's share back"
    # The ledger has no share, and the next command applies it first.
    assert platform.live[WEB].canary is None
    assert recovery.unsettled(receipts, "staging")


def test_killed_during_a_canary_the_old_version_is_live_without_a_share(receipts: Path) -> None:
    platform = Platform()
    platform.trouble["canary"] = lambda: platform.trouble.update(metrics=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        platform.conductor(canary=TRIAL).release(change(WEB))
    assert platform.live[WEB].canary == 10
    assert recovery.recovered(receipts, "staging", platform.live) == ledger(WEB)
    (found,) = receipt.read_all(receipts, "staging").receipts
    assert found.outcome is Outcome.INTERRUPTED
    assert found.reason == "killed during: watch canary; nothing was switched"
    assert recovery.unsettled(receipts, "staging")


def test_an_earlier_canary_ends_before_its_slot_gets_another_image() -> None:
    begun = change(WEB, before=True)
    begun = replace(begun, ledger=ledgers.shared(begun.ledger, [WEB], 20))
    platform = Platform()
    done = platform.conductor().release(begun)
    first = platform.ledgers[0]
    assert (first[WEB].canary, first[WEB].green) == (None, image("zero", WEB))
    assert steps(done)[0] == ("end the earlier canary", "done")
    assert done.outcome is Outcome.RELEASED
