"""`release`, `rollback` and `retire`, on a tree with a ledger and receipts of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from catalog import load_catalog
from ops import converge
from ops.failures import OpsError
from ops.release import commands, opened, recovery
from ops.release import ledger as ledgers
from ops.release import receipt as written
from ops.release.conduct import Conductor
from ops.release.receipt import Outcome, Receipt
from ops.release.server import Server
from ops.release.site import Site
from ops.target import Target
from stacks.ledger import Entry, Ledger, Slot
from tests.ops.release import receipts
from tests.ops.release.platforms import BACKEND, WEB, Platform
from tests.ops.release.receipts import image

DIGEST = f"sha256:{'0' * 64}"


@dataclass
class Tree(Platform):
    """A platform whose ledger is a file, as a `Site` has it."""

    stack: Any = None
    kept: list[Ledger] = field(default_factory=list[Ledger])
    services: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def ledger(self) -> Ledger:
        """What the file says."""
        return recovery.read("staging")

    @property
    def order(self) -> list[str]:
        """The services with slots."""
        return list(self.ledger.entries)

    @property
    def outputs(self) -> dict[str, Any]:
        """Those of a stack without servers, which needs no lock on one."""
        return {"services": self.services}

    @property
    def servers(self) -> list[Server]:
        """None whose images are pruned."""
        return []

    def apply(self, ledger: Ledger, what: str) -> None:
        """Write it, and note it."""
        ledgers.write(recovery.ledger_file("staging"), ledger)
        super().apply(ledger, what)

    def flip(self, ledger: Ledger) -> None:
        """Write it, and note it."""
        ledgers.write(recovery.ledger_file("staging"), ledger)
        super().flip(ledger)

    steer = apply

    def digests(self, references: Iterable[str]) -> dict[str, str]:
        """Every image is there."""
        return dict.fromkeys(references, DIGEST)

    def verify(self, images: Iterable[str]) -> None:
        """Every image is signed, but for those of a tag that says otherwise."""
        for found in images:
            assert found.endswith(f"@{DIGEST}")
            if ":unsigned@" in found:
                raise OpsError(f"{found} is not signed")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Version one of everything is live in the blue slots."""
    site = Tree()
    (tmp_path / "releases").mkdir()
    monkeypatch.setenv("MANACORE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(recovery, "ROOT", tmp_path)
    monkeypatch.setattr(recovery, "RECEIPTS", tmp_path / "receipts")
    monkeypatch.setattr(Target, "of", always(None))
    monkeypatch.setattr(Site, "open", always(site))
    monkeypatch.setattr(converge, "recover", always([]))

    def keep(*_: object) -> None:
        site.kept.append(site.ledger)

    monkeypatch.setattr(opened, "keep_or_warn", keep)
    has()
    return site


def always(value: object) -> Callable[..., object]:
    """A function that gives this, whatever it is given."""

    def given(*_: object, **__: object) -> object:
        return value

    return given


def has(**entries: Entry) -> None:
    """Write the ledger with these entries (`_` for `-`)."""
    changed = {name.replace("_", "-"): entry for name, entry in entries.items()}
    one = {s.name: Entry(live=Slot.BLUE, blue=image("one", s.name)) for s in load_catalog().slotted}
    ledgers.write(recovery.ledger_file("staging"), Ledger({**one, **changed}))


def was(
    before: str,
    after: str,
    *services: str,
    hours_ago: float,
    outcome: Outcome = Outcome.RELEASED,
    **changes: object,
) -> Receipt:
    """Write a receipt of these services."""
    days = (receipts.NOW - datetime.now(UTC)).total_seconds() / 86400 + hours_ago / 24
    single = [
        receipts.receipt(before=before, after=after, service=s, days_ago=days, outcome=outcome)
        for s in services
    ]
    joined = tuple(change for one in single for change in one.services)
    found = single[0].model_copy(update={"services": joined, **changes})
    written.write(recovery.RECEIPTS, found)
    return found


def newest() -> Receipt:
    return written.read_all(recovery.RECEIPTS, "staging").receipts[0]


def test_a_release_is_pinned_put_live_and_written_down(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.release([f"{WEB}=two"], watch=0, probe=False, as_json=True)
    assert tree.events[0] == "prepare"
    assert tree.ledger[WEB].live is Slot.GREEN
    assert tree.kept == [tree.ledger], "the bucket has the state as it is in the end"
    assert tree.ledger[WEB].green == image("two", WEB)
    assert json.loads(capsys.readouterr().out)["id"] == newest().id


def test_a_release_that_failed_has_an_exit_code(tree: Tree) -> None:
    tree.trouble["prepare"] = OpsError("full")
    with pytest.raises(typer.Exit) as ended:
        commands.release([f"{WEB}=two"], watch=0, probe=False)
    assert ended.value.exit_code == 1
    assert newest().outcome is Outcome.FAILED


def test_an_image_that_nobody_signed_touches_nothing(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        commands.release([f"{WEB}=unsigned"], watch=0, probe=False)
    assert "is not signed" in " ".join(capsys.readouterr().err.split())
    assert tree.events == []


@pytest.mark.parametrize(
    ("what", "slot", "said"),
    [("prepare", Slot.BLUE, "nothing was switched"), ("flip", Slot.GREEN, "its versions are live")],
)
def test_ctrl_c_leaves_a_ledger_without_half_a_release_and_a_receipt_that_ended(
    tree: Tree, what: str, slot: Slot, said: str
) -> None:
    tree.trouble[what] = KeyboardInterrupt()
    with pytest.raises(typer.Exit) as ended:
        commands.release([f"{WEB}=two"], watch=0, probe=False)
    assert ended.value.exit_code == 130
    assert tree.ledger[WEB].live is slot
    assert (tree.ledger[WEB].green is None) == (slot is Slot.BLUE)
    assert newest().outcome is Outcome.INTERRUPTED
    assert newest().reason.endswith(said)


def test_what_an_interrupted_flip_left_is_settled_before_the_next_release(tree: Tree) -> None:
    tree.trouble["flip"] = KeyboardInterrupt()
    with pytest.raises(typer.Exit):
        commands.release([f"{WEB}=two"], watch=0, probe=False)
    del tree.trouble["flip"]
    tree.events.clear()
    # The edge may still point at blue, which the ledger calls idle.
    commands.release([f"{WEB}=three"], watch=0, probe=False)
    assert tree.events[:2] == ["recover", "prepare"]
    tree.events.clear()
    commands.release([f"{WEB}=four"], watch=0, probe=False)
    assert tree.events[0] == "prepare"


def test_a_killed_release_is_settled_too(tree: Tree) -> None:
    has(chat_web=Entry(live=Slot.GREEN, blue=image("one", WEB), green=image("two", WEB)))
    was("one", "two", WEB, hours_ago=1, outcome=Outcome.RUNNING, reason="flip")
    commands.rollback()
    assert tree.events == ["recover", "flip", "record flip"]
    assert tree.ledger[WEB].live is Slot.BLUE


def test_a_release_that_gave_up_cleanly_needs_no_settling(tree: Tree) -> None:
    tree.trouble["prepare"] = OpsError("full")
    with pytest.raises(typer.Exit):
        commands.release([f"{WEB}=two"], watch=0, probe=False)
    tree.trouble.clear()
    tree.events.clear()
    commands.release([f"{WEB}=two"], watch=0, probe=False)
    assert tree.events[0] == "prepare"


def live(service: str, slot: str, tag: str) -> dict[str, Any]:
    """A service as the stack's outputs have it."""
    return {"name": service, "slot": slot, "image": image(tag, service)}


def test_a_ledger_that_is_older_than_what_is_live_touches_nothing(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.services = [live(WEB, "green", "two"), live(BACKEND, "blue", "two")]
    with pytest.raises(typer.Exit):
        commands.release([f"{WEB}=three"], watch=0, probe=False)
    told = " ".join(capsys.readouterr().err.split())
    assert f"{WEB}: {image('two', WEB)} (green) is live, the ledger has" in told
    assert f"{BACKEND}: {image('two', BACKEND)} (blue) is live" in told
    assert "./manacore up --flip --stack staging" in told
    assert tree.events == []


def test_a_ledger_that_says_what_is_live_is_taken(tree: Tree) -> None:
    postgres = {"name": "postgres", "slot": None, "image": "postgres:16"}
    tree.services = [live(WEB, "blue", "one"), live("gone-web", "blue", "one"), postgres]
    commands.release([f"{WEB}=two"], watch=0, probe=False)
    assert tree.events[0] == "prepare"


def test_what_a_killed_release_left_differing_is_no_stale_ledger(tree: Tree) -> None:
    has(chat_web=Entry(live=Slot.GREEN, blue=image("one", WEB), green=image("two", WEB)))
    was("one", "two", WEB, hours_ago=1, outcome=Outcome.RUNNING, reason="flip")
    tree.services = [live(WEB, "blue", "one")]
    commands.rollback()
    assert tree.events == ["recover", "flip", "record flip"]


def test_a_rollback_undoes_the_last_release_as_a_whole(tree: Tree) -> None:
    was("zero", "one", WEB, BACKEND, hours_ago=3)
    commands.rollback()
    assert [change.service for change in newest().services] == [BACKEND, WEB]
    assert tree.ledger[WEB].image(tree.ledger[WEB].live) == image("zero", WEB)


@pytest.mark.parametrize("services", [[], [WEB]])
def test_a_release_that_went_back_by_itself_is_not_undone_one_step_further(
    tree: Tree, capsys: pytest.CaptureFixture[str], services: list[str]
) -> None:
    earlier = was("zero", "one", WEB, BACKEND, hours_ago=3)
    was("one", "two", WEB, hours_ago=1, outcome=Outcome.ROLLED_BACK)
    with pytest.raises(typer.Exit):
        commands.rollback(services)
    assert tree.events == []
    told = " ".join(capsys.readouterr().err.split())
    assert "ended rolled-back and is not live" in told
    assert " ".join(["./manacore rollback", *services, f"--release {earlier.id}"]) in told
    commands.rollback(services, release_id=earlier.id)
    assert tree.ledger[WEB].image(tree.ledger[WEB].live) == image("zero", WEB)


def test_a_second_rollback_goes_no_further(tree: Tree) -> None:
    was("zero", "one", WEB, hours_ago=3)
    has(chat_web=Entry(live=Slot.GREEN, blue=image("one", WEB), green=image("two", WEB)))
    was("one", "two", WEB, hours_ago=1)
    commands.rollback()
    with pytest.raises(typer.Exit):
        commands.rollback()
    assert tree.ledger[WEB].image(tree.ledger[WEB].live) == image("one", WEB)


def test_each_named_service_is_undone_by_its_own_last_release(tree: Tree) -> None:
    was("zero", "one", WEB, hours_ago=3)
    was("zero", "one", BACKEND, hours_ago=1)
    commands.rollback([WEB, BACKEND])
    assert tree.ledger[WEB].image(tree.ledger[WEB].live) == image("zero", WEB)
    assert tree.ledger[BACKEND].image(tree.ledger[BACKEND].live) == image("zero", BACKEND)


def test_all_that_cannot_be_undone_is_named_at_once(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    was("zero", "one", BACKEND, hours_ago=3)
    with pytest.raises(typer.Exit):
        commands.rollback([WEB, BACKEND, "uload-web"])
    told = capsys.readouterr().err
    assert f"{WEB}: was never released" in told
    assert "uload-web: was never released" in told
    assert tree.events == []


def test_single_services_of_a_set_are_rolled_back(tree: Tree) -> None:
    was("zero", "one", WEB, BACKEND, hours_ago=3)
    commands.rollback([WEB])
    assert tree.ledger[WEB].live is Slot.GREEN
    assert tree.ledger[BACKEND].live is Slot.BLUE


def test_a_set_that_was_partly_released_later_is_not_rolled_back_in_part_by_surprise(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    has(chat_web=Entry(live=Slot.GREEN, blue=image("one", WEB), green=image("two", WEB)))
    both = was("zero", "one", WEB, BACKEND, hours_ago=3)
    was("one", "two", WEB, hours_ago=1)
    with pytest.raises(typer.Exit):
        commands.rollback(release_id=both.id)
    assert tree.events == []
    assert WEB in capsys.readouterr().err
    commands.rollback([BACKEND], release_id=both.id)
    assert tree.ledger[BACKEND].live is Slot.GREEN


def test_a_set_of_which_a_part_was_rolled_back_is_rolled_back_in_the_rest(tree: Tree) -> None:
    both = was("zero", "one", WEB, BACKEND, hours_ago=3)
    commands.rollback([WEB])
    commands.rollback(release_id=both.id)
    assert tree.ledger[BACKEND].image(tree.ledger[BACKEND].live) == image("zero", BACKEND)
    assert [change.service for change in newest().services] == [BACKEND]


def test_without_a_live_release_there_is_nothing_to_roll_back(tree: Tree) -> None:
    was("one", "two", WEB, hours_ago=1, outcome=Outcome.FAILED)
    for services in ([], [WEB]):
        with pytest.raises(typer.Exit):
            commands.rollback(services)
    with pytest.raises(typer.Exit):
        commands.rollback(release_id="20261125T080000.000Z-000000")
    assert tree.events == []


def test_a_receipt_that_is_damaged_is_said_before_an_older_one_is_undone(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    found = was("zero", "one", WEB, hours_ago=1)
    (recovery.RECEIPTS / "staging" / "20991125T080000.000Z-000000.json").write_text("{")
    commands.rollback(as_json=True)
    assert "damaged: staging/2099" in capsys.readouterr().err
    assert tree.ledger[WEB].image(tree.ledger[WEB].live) == found.services[0].image_before


def test_old_slots_retire_after_an_hour_or_now_and_live_ones_never(tree: Tree) -> None:
    both = Entry(live=Slot.GREEN, blue=image("one", WEB), green=image("two", WEB))
    other = Entry(live=Slot.BLUE, blue=image("one", BACKEND), green=image("zero", BACKEND))
    has(chat_web=both, chat_backend=other)
    was("one", "two", WEB, hours_ago=0.5)
    was("zero", "one", BACKEND, hours_ago=2)
    commands.retire()
    assert tree.ledger[WEB] == both
    assert tree.ledger[BACKEND].filled == (Slot.BLUE,)
    commands.retire(now=True)
    assert tree.ledger[WEB].filled == (Slot.GREEN,)
    tree.events.clear()
    commands.retire(now=True)
    assert tree.events == []


def test_a_full_disk_does_not_hide_the_error(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        recovery.RECEIPTS.rename(recovery.RECEIPTS.with_name("gone"))
        recovery.RECEIPTS.write_text("in the way")

    tree.trouble["flip"] = full
    with pytest.raises(typer.Exit):
        commands.release([f"{WEB}=two"], watch=0, probe=False)
    assert "The release is released" in capsys.readouterr().err


def test_a_release_whose_prober_broke_has_an_exit_code(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = receipts.receipt(service=WEB, requests=0)
    assert seen.prober
    report = seen.prober.model_copy(update={"broken": "OSError: no more sockets"})
    told = {None: seen, "broken": seen.model_copy(update={"prober": report})}
    monkeypatch.setattr(Conductor, "release", always(told[None]))
    commands.release([f"{WEB}=two"])
    monkeypatch.setattr(Conductor, "release", always(told["broken"]))
    with pytest.raises(typer.Exit) as ended:
        commands.release([f"{WEB}=two"])
    assert ended.value.exit_code == 1
