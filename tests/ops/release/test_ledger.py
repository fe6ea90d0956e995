"""Ledgers that change, and are written so that the program reads them back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.edge.gate import is_message
from ops.release import ledger as ledgers
from stacks.ledger import Entry, Ledger, Slot, load_ledger

OLD, NEW = "ghcr.io/team/chat-web:a", f"ghcr.io/team/chat-web:b@sha256:{'0' * 64}"


def chat(**changes: object) -> Ledger:
    return Ledger({"chat-web": Entry.model_validate({"live": "blue", "blue": OLD, **changes})})


def test_a_release_goes_into_the_idle_slot_and_changes_nothing_that_is_live() -> None:
    assert ledgers.prepared(chat(), {"chat-web": NEW}) == chat(green=NEW)
    assert ledgers.prepared(chat(live="green", green=OLD), {"chat-web": NEW}) == chat(
        live="green", green=OLD, blue=NEW
    )


def test_a_flip_only_moves_the_pointer() -> None:
    assert ledgers.flipped(chat(green=NEW), {"chat-web": Slot.GREEN}) == chat(
        green=NEW, live="green"
    )


def test_what_is_live_never_retires() -> None:
    assert ledgers.retired(chat(green=NEW), {"chat-web": Slot.GREEN}) == chat()
    assert ledgers.retired(chat(green=NEW), {"chat-web": Slot.BLUE}) == chat(green=NEW)


def test_what_moves_a_slot_ends_its_canary_and_no_maintenance() -> None:
    begun = chat(green=NEW, canary=10, maintenance="Soon.")
    for changed in (
        ledgers.prepared(begun, {"chat-web": OLD}),
        ledgers.flipped(begun, {"chat-web": Slot.GREEN}),
        ledgers.retired(begun, {"chat-web": Slot.GREEN}),
        ledgers.shared(begun, ["chat-web"], None),
    ):
        assert changed["chat-web"].canary is None
        assert changed["chat-web"].maintenance == "Soon."


def test_a_share_is_given_and_maintenance_begins_and_ends() -> None:
    both = chat(green=NEW)
    assert ledgers.shared(both, ["chat-web"], 10) == chat(green=NEW, canary=10)
    assert ledgers.maintained(chat(), ["chat-web"], "Soon.") == chat(maintenance="Soon.")
    assert ledgers.maintained(chat(maintenance=True), ["chat-web"], message=False) == chat()
    with pytest.raises(ValidationError, match="a canary needs an image in the slot green"):
        ledgers.shared(chat(), ["chat-web"], 10)


@given(st.one_of(st.just(True), st.text(min_size=1).filter(is_message)), st.integers(1, 99))
def test_canary_and_maintenance_are_read_back(maintenance: str | bool, percent: int) -> None:
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - a folder per example

    with TemporaryDirectory() as folder:
        file = Path(folder) / "staging.yaml"
        written = chat(green=NEW, canary=percent, maintenance=maintenance)
        ledgers.write(file, written)
        assert load_ledger(file, ["chat-web"]) == written


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True),
        st.tuples(st.sampled_from(Slot), st.booleans()),
        min_size=1,
    )
)
@example({"on": (Slot.BLUE, False), "null": (Slot.GREEN, True)})
def test_what_is_written_is_read_back(services: dict[str, tuple[Slot, bool]]) -> None:
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - a folder per example

    entries = {
        name: Entry.model_validate({"live": live, live: OLD, **({live.other: NEW} if both else {})})
        for name, (live, both) in services.items()
    }
    with TemporaryDirectory() as folder:
        file = Path(folder) / "staging.yaml"
        ledgers.write(file, Ledger(entries))
        assert load_ledger(file, list(entries)) == Ledger(entries)
        assert [found.name for found in Path(folder).iterdir()] == ["staging.yaml"]
