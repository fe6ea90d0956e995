"""Ledgers that change, and are written so that the program reads them back."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

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


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True),
        st.tuples(st.sampled_from(Slot), st.booleans()),
        min_size=1,
    )
)
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
