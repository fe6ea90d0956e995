"""Releases and rollbacks step by step: whatever fails, what was live stays or returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.failures import OpsError
from ops.release import receipt, recovery
from ops.release.probes.target import Target as Probed
from ops.release.receipt import Outcome
from ops.release.waves import START_AT_ONCE, DoesNotFitError
from stacks.ledger import Slot
from tests.ops.release.platforms import (
    BACKEND,
    RUNNING,
    UNHEALTHY,
    WEB,
    Platform,
    Trouble,
    change,
    ledger,
)
from tests.ops.release.receipts import image, steps

pytestmark = pytest.mark.usefixtures("receipts")

WATCH = 0.05


def flips_back(platform: Platform) -> None:
    """Flipping back is what went last, to what was live."""
    assert platform.events[-2:] == ["flip", "record rollback"]
    assert all(entry.live is Slot.BLUE for entry in platform.live.entries.values())


def test_a_release_starts_smokes_migrates_flips_and_watches_in_this_order(receipts: Path) -> None:
    platform = Platform(migrations={BACKEND: ("migrate", "deploy")})
    done = platform.conductor(watch=WATCH).release(change(BACKEND, WEB))
    seen = [event for event in platform.events if event not in ("metrics", "inspect")]
    assert seen == [
        "prepare",
        f"smoke one: {BACKEND}-green {WEB}-green",
        f"run {BACKEND}-green: migrate deploy",
        "flip",
        "record flip",
    ]
    # The measure is taken before the flip, and the last look is after it.
    assert platform.events.index("inspect") < platform.events.index("flip")
    assert platform.events[-1] == "inspect"
    assert [name for name, _ in steps(done)] == [
        "start new slots",
        "smoke tests",
        f"migrate {BACKEND}",
        "flip",
        "record",
        "watch",
    ]
    assert done.outcome is Outcome.RELEASED
    assert done.watch is not None
    assert done.watch.breaches == ()
    assert receipt.read(receipts, "staging", done.id) == done


def test_all_services_flip_at_once_and_the_former_versions_stay_warm() -> None:
    platform = Platform()
    platform.conductor().release(change(BACKEND, WEB))
    before, after = platform.ledgers
    assert all(entry.live is Slot.BLUE for entry in before.entries.values())
    assert {s: e.live for s, e in after.entries.items()} == {BACKEND: Slot.GREEN, WEB: Slot.GREEN}
    assert after[WEB].blue == image("one", WEB)
    assert after[WEB].green == image("two", WEB)


@pytest.mark.parametrize(
    "trouble", [OpsError("It\nbroke."), ValueError("broke"), OSError("No space")], ids=repr
)
@pytest.mark.parametrize(
    ("what", "step"),
    [
        ("prepare", "start new slots"),
        (f"smoke one: {WEB}-green", "smoke tests"),
        (f"run {WEB}-green: migrate", f"migrate {WEB}"),
        ("inspect", None),
        ("metrics", None),
    ],
)
def test_a_failure_before_the_flip_leaves_what_is_live_and_empties_the_new_slot(
    what: str, step: str | None, trouble: Trouble
) -> None:
    platform = Platform(trouble={what: trouble}, migrations={WEB: ("migrate",)})
    done = platform.conductor(watch=WATCH).release(change(WEB))
    assert done.outcome is Outcome.FAILED
    assert "flip" not in platform.events
    assert platform.events[-1] == "clear"
    assert platform.live == ledger(WEB)
    assert steps(done)[-1] == ("clear new slots", "done")
    if step:
        assert (step, "failed") in steps(done)
    assert str(trouble).split()[-1] in done.reason
    assert "\n" not in done.reason


def test_a_slot_that_does_not_work_is_named(receipts: Path) -> None:
    platform = Platform(smoke_failures={f"{WEB}-green": "answers 500: oh"})
    done = platform.conductor().release(change(WEB))
    assert f"{WEB}-green answers 500: oh" in done.reason
    assert platform.live == ledger(WEB)
    assert receipt.read(receipts, "staging", done.id).outcome is Outcome.FAILED


def test_new_slots_that_cannot_be_cleared_are_said() -> None:
    platform = Platform(trouble={"prepare": OpsError("first"), "clear": OpsError("second")})
    done = platform.conductor().release(change(WEB))
    assert done.outcome is Outcome.FAILED
    assert done.reason.startswith("first; the new slots are still there: second")
    assert steps(done)[-1] == ("clear new slots", "failed")


def test_a_breach_flips_back_with_its_figures() -> None:
    platform = Platform()
    platform.trouble["record flip"] = lambda: setattr(platform, "container", UNHEALTHY)
    done = platform.conductor(watch=WATCH).release(change(WEB))
    flips_back(platform)
    assert done.outcome is Outcome.ROLLED_BACK
    assert f"{WEB}: unhealthy" in done.reason
    assert done.watch is not None
    assert done.watch.breaches == (done.reason,)
    assert done.watch.detected_seconds is not None
    assert done.watch.rolled_back_seconds is not None
    # The slot stays for what is under way on it.
    assert platform.live[WEB].green == image("two", WEB)


@pytest.mark.parametrize("trouble", [OpsError("no"), KeyError("no")], ids=repr)
def test_a_flip_that_fails_is_flipped_back(trouble: Trouble) -> None:
    platform = Platform(trouble={"record flip": trouble})
    done = platform.conductor(watch=WATCH).release(change(WEB))
    flips_back(platform)
    assert done.outcome is Outcome.ROLLED_BACK
    assert steps(done)[-3:] == [("record", "failed"), ("flip back", "done"), ("record", "done")]


def test_an_edge_that_cannot_be_told_is_told_to_go_back() -> None:
    platform = Platform()

    def away() -> None:
        del platform.trouble["flip"]
        raise OpsError("away")

    platform.trouble["flip"] = away
    done = platform.conductor(watch=WATCH).release(change(WEB))
    flips_back(platform)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, "away")
    assert steps(done)[-3:] == [("flip", "failed"), ("flip back", "done"), ("record", "done")]


def test_an_unforeseen_error_of_the_watch_flips_back() -> None:
    platform = Platform()
    platform.trouble["record flip"] = lambda: platform.trouble.update(metrics=ValueError("odd"))
    done = platform.conductor(watch=WATCH).release(change(WEB))
    flips_back(platform)
    assert done.reason == "ValueError: odd"


def test_a_server_that_cannot_be_asked_for_a_while_is_no_breach() -> None:
    platform = Platform()
    platform.trouble["record flip"] = lambda: platform.trouble.update(
        inspect=OpsError("restarting")
    )
    done = platform.conductor(watch=WATCH).release(change(WEB))
    assert done.outcome is Outcome.RELEASED


def test_a_flip_back_that_fails_is_said_with_what_was_seen(receipts: Path) -> None:
    platform = Platform(trouble={"flip": OpsError("away")})
    done = platform.conductor(watch=WATCH).release(change(WEB))
    assert done.outcome is Outcome.FAILED
    assert done.reason == "away; flipping back failed: away; the next up does it"
    assert done.watch is not None
    assert done.watch.breaches == ("away",)
    assert done.watch.rolled_back_seconds is None
    assert recovery.unsettled(receipts, "staging")


def test_a_flip_back_that_the_engine_does_not_record_is_said(receipts: Path) -> None:
    platform = Platform(
        trouble={"record flip": OpsError("one"), "record rollback": OpsError("two")}
    )
    done = platform.conductor(watch=WATCH).release(change(WEB))
    assert done.outcome is Outcome.FAILED
    assert done.reason == (
        "one; the former versions are live; recording that failed: two; the next up does it"
    )
    assert done.watch is not None
    assert done.watch.rolled_back_seconds is not None
    assert recovery.unsettled(receipts, "staging")


def test_an_interrupted_watch_is_found_by_its_receipt(receipts: Path) -> None:
    platform = Platform()
    platform.trouble["record flip"] = lambda: platform.trouble.update(metrics=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        platform.conductor(watch=WATCH).release(change(WEB))
    assert platform.events[-2:] == ["record flip", "metrics"]
    assert recovery.recovered(receipts, "staging", platform.live) == platform.live
    (found,) = receipt.read_all(receipts, "staging").receipts
    assert found.outcome is Outcome.INTERRUPTED
    assert found.reason == "killed during: watch; its versions are live"


def test_what_does_not_fit_is_refused_without_a_receipt(receipts: Path) -> None:
    platform = Platform(total=2048, limits={"postgres": 1000})
    with pytest.raises(DoesNotFitError):
        platform.conductor().release(change(WEB))
    assert (platform.events, list(receipts.iterdir())) == ([], [])


def test_only_a_slot_that_runs_and_is_replaced_counts_as_free() -> None:
    memory = Platform().catalog[WEB].memory
    fits = Platform(total=1024 + 1000 + memory, limits={"postgres": 1000, f"{WEB}-green": memory})
    assert fits.conductor().release(change(WEB, before=True)).outcome is Outcome.RELEASED
    # The ledger names an idle slot whose container has stopped: it frees nothing.
    stopped = Platform(total=1024 + 999 + memory, limits={"postgres": 1000})
    with pytest.raises(DoesNotFitError):
        stopped.conductor().release(change(WEB, before=True))


def test_what_cannot_be_probed_is_refused_before_anything_is_touched(receipts: Path) -> None:
    platform = Platform(probed=[Probed(host="a.example.com")] * 2)
    with pytest.raises(OpsError, match=r"cannot be probed: named twice: a\.example\.com"):
        platform.conductor(probe=True).release(change(WEB))
    assert (platform.events, list(receipts.iterdir())) == ([], [])


def test_the_servers_of_a_set_are_asked_each_and_flipped_together() -> None:
    platform = Platform(placed={WEB: "two"})
    done = platform.conductor(watch=WATCH).release(change(BACKEND, WEB))
    assert [e for e in platform.events if e.startswith("smoke")] == [
        f"smoke one: {BACKEND}-green",
        f"smoke two: {WEB}-green",
    ]
    assert [name for name, _ in steps(done)][:2] == [
        "start new slots 1 of 2",
        "start new slots 2 of 2",
    ]
    assert platform.events.count("flip") == 1
    assert all(entry.live is Slot.GREEN for entry in platform.live.entries.values())


def test_a_failure_of_a_later_wave_empties_all_slots() -> None:
    services = [s.name for s in Platform().catalog.values() if s.slots][: START_AT_ONCE + 1]
    platform = Platform()

    def second_fails() -> None:
        if platform.events.count("prepare") > 1:
            raise OpsError("full")

    platform.trouble["prepare"] = second_fails
    done = platform.conductor().release(change(*services))
    assert steps(done)[:2] == [
        ("start new slots 1 of 2", "done"),
        ("start new slots 2 of 2", "failed"),
    ]
    first = platform.ledgers[0]
    assert sum(entry.green is not None for entry in first.entries.values()) == START_AT_ONCE
    assert platform.live == ledger(*services)


def test_a_warm_rollback_is_one_flip() -> None:
    platform = Platform()
    done = platform.conductor().rollback(change(WEB, tag="zero", before=True))
    assert platform.events == ["flip", "record flip"]
    assert done.outcome is Outcome.ROLLED_BACK
    assert platform.live[WEB].live is Slot.GREEN


def test_a_cold_rollback_starts_only_what_is_not_warm() -> None:
    wanted = change(WEB, BACKEND, tag="zero", before=True)
    cold = ledger(BACKEND).entries
    ledger_now = type(wanted.ledger)({**wanted.ledger.entries, **cold})
    platform = Platform()
    done = platform.conductor().rollback(type(wanted)(ledger=ledger_now, images=wanted.images))
    assert platform.events == ["prepare", "flip", "record flip"]
    assert [name for name, _ in steps(done)] == ["start the earlier versions", "flip", "record"]
    assert platform.live[BACKEND].green == image("zero", BACKEND)


def test_an_earlier_version_that_does_not_start_leaves_what_is_live() -> None:
    platform = Platform(trouble={"prepare": OpsError("gone")})
    done = platform.conductor().rollback(change(WEB, tag="zero"))
    assert platform.events == ["prepare", "clear"]
    assert done.outcome is Outcome.FAILED
    assert done.reason == "gone"
    assert platform.live == ledger(WEB)


def test_a_cold_rollback_that_does_not_fit_is_refused() -> None:
    platform = Platform(total=1024)
    with pytest.raises(DoesNotFitError):
        platform.conductor().rollback(change(WEB, tag="zero"))
    assert platform.events == []
    # A warm one needs no memory.
    done = platform.conductor().rollback(change(WEB, tag="zero", before=True))
    assert done.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("flip", "flips to the earlier versions"),
        ("record flip", "records that the earlier versions are live"),
    ],
)
def test_a_rollback_whose_flip_fails_is_unsettled(step: str, after: str, receipts: Path) -> None:
    platform = Platform(trouble={step: RuntimeError("lost")}, container=RUNNING)
    done = platform.conductor().rollback(change(WEB, tag="zero", before=True))
    assert done.outcome is Outcome.FAILED
    assert done.reason == f"RuntimeError: lost; the next up {after}"
    assert recovery.unsettled(receipts, "staging")
