"""The release ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidInputError, load_catalog
from stacks.ledger import Entry, Slot, load_ledger
from tests.support.platform import ROOT

IMAGE = "ghcr.io/wuesteon/one:main-0000001"


def refused(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "staging.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInputError) as error:
        load_ledger(file, ["one"])
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_committed_ledgers_cover_every_service_with_slots(stack: str) -> None:
    catalog = load_catalog()
    ledger = load_ledger(ROOT / "releases" / f"{stack}.yaml", [s.name for s in catalog.slotted])
    assert len(ledger.images) == 33


def test_a_missing_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not exist"):
        load_ledger(tmp_path / "staging.yaml", [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "one: the service has no image"),
        ("one: {live: blue}", "the live slot blue has no image"),
        (f"one: {{live: green, blue: '{IMAGE}'}}", "the live slot green has no image"),
        (f"one: {{live: red, blue: '{IMAGE}'}}", "one.live"),
        ("one: {live: blue, blue: 'one:latest'}", "one.blue"),
        ("one: {live: blue, blue: 'ghcr.io/wuesteon/one'}", "one.blue"),
        (f"one: {{live: blue, blue: '{IMAGE}', gren: x}}", "did you mean green?"),
        (
            f"one: {{live: blue, blue: '{IMAGE}'}}\nonne: {{live: blue, blue: '{IMAGE}'}}",
            "did you mean one?",
        ),
        (f"one: {{live: blue, blue: '{IMAGE}', canary: 10}}", "needs an image in the slot green"),
        *(
            (f"one: {{live: blue, blue: '{IMAGE}', green: '{IMAGE}', canary: {wrong}}}", "canary")
            for wrong in ("0", "100", "ten", "10.5", "true")
        ),
        *(
            (f"one: {{live: blue, blue: '{IMAGE}', maintenance: {wrong}}}", "maintenance")
            for wrong in ("''", "'<b>'", "'a {b}'", '"two\\nlines"', "3", f"'{'x' * 301}'", "false")
        ),
        ("one: [", "is not YAML"),
    ],
)
def test_bad_ledgers_are_refused_with_path_and_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    found = refused(tmp_path, text)
    assert any(expected in line for line in found), found
    assert all(line.startswith("releases/staging.yaml") for line in found)


@given(st.sampled_from(Slot), st.booleans())
def test_the_live_slot_always_has_an_image(live: Slot, both: bool) -> None:
    images = {live.value: IMAGE} | ({live.other.value: IMAGE} if both else {})
    entry = Entry.model_validate({"live": live.value, **images})
    assert entry.image(entry.live) == IMAGE
    assert len(entry.filled) == 1 + both
    assert live.other.other is live
