"""The commands of each variant, and that the runbook has them."""

from __future__ import annotations

import pytest

from ops.drill.plan import Variant, commands
from tests.support.platform import ROOT

BACKUPS = {"quote": "bbbb", "chat": "aaaa"}
STATE = ("state", "restore")
UP = ("up",)
RESTORES = [
    ("restore", "chat", "--snapshot", "aaaa", "--yes", "--no-backup"),
    ("restore", "quote", "--snapshot", "bbbb", "--yes", "--no-backup"),
]


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (Variant.SERVER, [UP]),
        (Variant.VOLUME, [UP, *RESTORES]),
        (Variant.STATE, [STATE, UP]),
        (Variant.EVERYTHING, [(*STATE, "--clouds-lost"), UP, *RESTORES]),
    ],
)
def test_what_is_lost_decides_what_brings_it_back(
    variant: Variant, expected: list[tuple[str, ...]]
) -> None:
    assert commands(variant, BACKUPS) == expected


def test_the_runbook_has_the_same_commands() -> None:
    text = (ROOT / "docs" / "runbooks" / "rebuild.md").read_text()
    for variant in Variant:
        section = text.partition(f"## {variant.value.capitalize()}")[2].partition("\n## ")[0]
        for command in commands(variant, {"NAME": "ID"}):
            said = command[:4] if command[0] == "restore" else command
            assert f"./manacore {' '.join(said)}" in section, variant
