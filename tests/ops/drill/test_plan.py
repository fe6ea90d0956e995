"""The commands of each variant, and that the runbook has them."""

from __future__ import annotations

import pytest

from ops.drill.plan import Variant, commands
from tests.support.platform import ROOT

BACKUPS = {"redis": "bbbb", "folder/edge-data": "aaaa"}
LOST = "2026-11-25T02:10:00+00:00"
STATE = ("state", "restore")
UP = ("up",)
RESTORES = [
    ("restore", "folder/edge-data", "--snapshot", "aaaa", "--yes", "--no-backup"),
    ("restore", "redis", "--snapshot", "bbbb", "--yes", "--no-backup"),
    ("restore", "all", "--to", LOST, "--yes", "--no-backup"),
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
    assert commands(variant, BACKUPS, LOST) == expected


def test_the_runbook_has_the_same_commands() -> None:
    text = (ROOT / "docs" / "runbooks" / "rebuild.md").read_text()
    for variant in Variant:
        section = text.partition(f"## {variant.value.capitalize()}")[2].partition("\n## ")[0]
        for command in commands(variant, {"NAME": "ID"}, "TIME"):
            said = command[:4] if command[0] == "restore" else command
            assert f"./manacore {' '.join(said)}" in section, variant
