"""Migrations are rehearsed on a copy that is gone afterwards, whatever fails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from catalog import load_catalog
from ops.agent import Agent
from ops.failures import OpsError
from ops.release.receipt import Outcome
from ops.release.rehearsal import Rehearsal
from ops.release.site import Site
from tests.ops.release.platforms import BACKEND, WEB, Platform, change, ledger

pytestmark = pytest.mark.usefixtures("receipts")
COPY = "chat_rehearsal"
BACK = f"restore postgres/chat --beside {COPY}"
DROP = f'DROP DATABASE IF EXISTS "{COPY}" WITH (FORCE);'


@dataclass
class Place:
    """Agent, server and site in one, which note what they are asked."""

    wrong: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    unrestored: bool = False
    asked: list[str] = field(default_factory=list[str])
    clones: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    catalog = load_catalog()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    target = SimpleNamespace(stack="staging")

    def server_of(self, service: str) -> Place:
        """It is all of them."""
        del service
        return self

    def ask(self, *arguments: str) -> tuple[dict[str, str], bool]:
        """As the agent."""
        self.asked.append(" ".join(arguments))
        if self.unrestored:
            raise OpsError("There is no backup.")
        return {}, True

    def run(self, container: str, command: Sequence[str], text: str) -> str:
        """In the database's container."""
        assert (container, command[0]) == ("postgres", "psql")
        self.asked.append(text)
        return ""

    def python(self, program: str, stdin: str, *, seconds: float, root: bool) -> list[Any]:
        """Look at a clone."""
        compile(program, "clone", "exec")
        assert root
        asked = json.loads(stdin)
        assert asked["seconds"] < seconds
        self.clones.append(asked)
        self.asked.append(f"clone of {asked['like']}")
        failed, *log = self.wrong.get(asked["like"], [""])
        return [{"failed": failed, "log": log}]


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Place], Rehearsal]:
    def made(place: Place) -> Rehearsal:
        def among(*_: object) -> Place:
            return place

        monkeypatch.setattr(Agent, "among", among)
        return Rehearsal(site=cast("Site", place), change=change(BACKEND, WEB))

    return made


def test_the_new_version_migrates_a_copy_and_the_live_one_has_to_work_on_it(
    rehearsed: Callable[[Place], Rehearsal],
) -> None:
    place = Place()
    rehearsal = rehearsed(place)
    assert rehearsal.services == [BACKEND], "a web has no database"
    assert rehearsal.memory == place.catalog[BACKEND].memory
    rehearsal.run(BACKEND)
    green, blue = f"clone of {BACKEND}-green", f"clone of {BACKEND}-blue"
    assert place.asked == [DROP, BACK, green, blue, DROP]
    migration, service = place.clones
    assert migration["command"] == list(place.catalog[BACKEND].migrate)
    assert service["command"] == []
    entry = place.catalog[BACKEND]
    assert (service["port"], service["path"]) == (entry.port, entry.health)
    assert {one["database"] for one in place.clones} == {COPY}


@pytest.mark.parametrize(
    ("slot", "said"),
    [("green", "the migration fails"), ("blue", "no way back")],
)
def test_what_does_not_work_is_told_without_credentials(
    rehearsed: Callable[[Place], Rehearsal], slot: str, said: str
) -> None:
    place = Place(wrong={f"{BACKEND}-{slot}": ["ended with exit code 1", "postgres://a:b@c/d"]})
    with pytest.raises(OpsError, match=said) as failure:
        rehearsed(place).run(BACKEND)
    assert failure.value.details == ["ended with exit code 1", "postgres://***@c/d"]
    assert place.asked[-1] == DROP


def test_without_a_backup_there_is_no_rehearsal(rehearsed: Callable[[Place], Rehearsal]) -> None:
    place = Place(unrestored=True)
    with pytest.raises(OpsError, match=re.escape("There is no backup.")):
        rehearsed(place).run(BACKEND)
    assert place.asked == [DROP, BACK, DROP]


def test_a_release_is_given_up_when_its_rehearsal_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(migrations={BACKEND: ("migrate",)})

    def failing(self: Rehearsal, service: str) -> None:
        assert self.change.images.keys() == {BACKEND, WEB}
        raise OpsError(f"{service}: no way back")

    monkeypatch.setattr(Rehearsal, "run", failing)
    done = platform.conductor(rehearse=True).release(change(BACKEND, WEB))
    assert done.outcome is Outcome.FAILED
    assert "no way back" in done.reason
    assert f"run {BACKEND}-green: migrate" not in platform.events
    assert platform.live == ledger(BACKEND, WEB)
