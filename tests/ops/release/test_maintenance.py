"""`manacore maintenance`, on a platform whose ledger is a file."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.release import recovery
from tests.ops.release import test_commands
from tests.ops.release.platforms import BACKEND, WEB
from tests.ops.release.test_commands import Tree

tree = test_commands.tree


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["maintenance", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def closed() -> dict[str, str | bool]:
    found = recovery.read("staging").entries
    return {name: entry.maintenance for name, entry in found.items() if entry.maintenance}


def test_it_begins_and_ends_by_the_ledger(tree: Tree) -> None:
    told = json.loads(run(WEB, BACKEND, "--on", "--message", "Back at six.", "--json"))
    assert told == {WEB: "Back at six.", BACKEND: "Back at six."}
    assert closed() == told
    run(BACKEND, "--off")
    assert closed() == {WEB: "Back at six."}
    run(WEB, "--on")
    assert closed() == {WEB: True}
    assert tree.events == ["maintenance"] * 3


def test_all_are_those_of_the_ledger(tree: Tree) -> None:
    run("all", "--on")
    assert closed() == dict.fromkeys(recovery.read("staging").entries, True)
    run("all", "--off")
    assert not closed()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chat-wep", "--on"], "chat-wep: is no service with slots"),
        (["all", WEB, "--on"], "all: is no service with slots"),
        ([WEB, "--on", "--message", "<b>"], "--message: write one line"),
        ([WEB, "--off", "--message", "Hello"], "goes with --on only"),
        ([WEB], "--on"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_touched(
    tree: Tree, arguments: list[str], said: str
) -> None:
    assert said in " ".join(run(*arguments, code=2).split())
    assert (tree.events, closed()) == ([], {})


def test_a_canary_of_a_service_under_maintenance_is_refused(tree: Tree) -> None:
    run(WEB, "--on")
    result = CliRunner().invoke(app, ["release", f"{WEB}=two", "--canary", "10"])
    assert result.exit_code == 2
    assert "under maintenance" in result.output
    assert tree.events == ["maintenance"]
