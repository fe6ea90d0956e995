"""`manacore state`, and what an update does with it, by a stack that is only in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import automation as auto
from typer.testing import CliRunner, Result

from ops import session
from ops.agent import Agent
from ops.cli import app
from ops.failures import OpsError
from ops.session import Session
from ops.state import configuration, keeping
from ops.state.bucket import Bucket, Kept
from ops.state.document import Document
from ops.target import Target

OLD, NEW = "aaaa1111", "bbbb2222"
LEDGER, CONFIGURED = "releases/staging.yaml", "Pulumi.staging.yaml"


def state(hour: int, count: int = 3) -> dict[str, Any]:
    resources = [
        {"urn": f"urn:pulumi:staging::manacore::random:x:Y::{n}", "type": "random:x:Y",
         "custom": True}
        for n in range(count)
    ]  # fmt: skip
    return {"manifest": {"time": f"2026-11-25T{hour:02}:00:00Z"}, "resources": resources}


def kept(hour: int, stack: str = "staging") -> str:
    files = {LEDGER: f"hour: {hour}\n", CONFIGURED: "config: {}\n"}
    return Document(stack=stack, version=3, state=state(hour), files=files).text


@dataclass
class Engine:
    """A stack in a backend."""

    held: dict[str, Any]
    name: str = "staging"
    imported: list[auto.Deployment] = field(default_factory=list[auto.Deployment])

    def import_stack(self, deployment: auto.Deployment) -> None:
        """Another state."""
        self.imported.append(deployment)


@dataclass
class World:
    """A stack, its bucket and its agent."""

    engine: Engine
    documents: dict[str, str]
    root: Path
    sent: list[str] = field(default_factory=list[str])
    agent_says: OpsError | None = None

    @property
    def target(self) -> Target:
        """The stack's."""
        return SimpleNamespace(stack="staging", folder=self.root)  # type: ignore[return-value]


def answering(value: object) -> Callable[..., Any]:
    """A function that answers this, whatever it is asked."""

    def answer(*_: object, **__: object) -> Any:
        return value

    return answer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Two states are kept, of 10 and of 12 o'clock; the one of the stack is of 11 o'clock."""
    found = World(Engine(state(11)), {OLD: kept(10), NEW: kept(12)}, tmp_path)
    (tmp_path / "releases").mkdir()
    (tmp_path / LEDGER).write_text("hour: 11\n")
    (tmp_path / CONFIGURED).write_text("config: {}\n")

    class Agents:
        def keep(self, document: str) -> str:
            if found.agent_says:
                raise found.agent_says
            found.sent.append(document)
            return "cccc3333"

    def encrypted(stack: Engine) -> auto.Deployment:
        return auto.Deployment(version=3, deployment=stack.held)

    def listed(_: Bucket) -> list[Kept]:
        times = {OLD: 10, NEW: 12}
        return [
            Kept(id=one, time=datetime(2026, 11, 25, times[one], tzinfo=UTC))
            for one in found.documents
        ]

    def read(_: Bucket, identity: str) -> str:
        return found.documents[identity]

    bucket = Bucket(repository="s3:https://x/y", key_id="k", key_secret="s", password="p")
    for thing, name, value in (
        (Target, "of", answering(found.target)),
        (Session, "stack", answering(found.engine)),
        (session, "outputs", answering({})),
        (session, "encrypted", encrypted),
        (Agent, "among", answering(Agents())),
        (Bucket, "of", answering(bucket)),
        (Bucket, "kept", listed),
        (Bucket, "read", read),
        (configuration, "settings", answering(None)),
        (configuration, "secrets", answering(["a-secret-of-the-configuration"])),
        (keeping, "ROOT", tmp_path),
    ):
        monkeypatch.setattr(thing, name, value)
    monkeypatch.setenv("MANACORE_HOME", str(tmp_path / "home"))
    return found


def invoke(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["state", *arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def flat(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_newest_one_comes_back_and_files_that_differ_are_named(world: World) -> None:
    told = json.loads(invoke("restore", "--json").stdout)
    assert (told["snapshot"], told["resources"], told["differing"]) == (NEW, 3, [LEDGER])
    (imported,) = world.engine.imported
    assert (imported.version, imported.deployment) == (3, state(12))
    assert (world.root / LEDGER).read_text() == "hour: 11\n", "git's, unless it is asked for"


def test_the_files_come_back_when_asked_for(world: World) -> None:
    assert "written as it was kept" in flat(invoke("restore", "--files"))
    assert (world.root / LEDGER).read_text() == "hour: 12\n"


def test_a_newer_state_is_overwritten_by_force_only(world: World) -> None:
    result = invoke("restore", "--snapshot", OLD[:4], code=1)
    assert "is newer: of 2026-11-25 11:00 UTC" in flat(result)
    assert world.engine.imported == []
    invoke("restore", "--snapshot", OLD[:4], "--force")
    assert world.engine.imported[0].deployment == state(10)


def test_an_empty_stack_takes_any(world: World) -> None:
    world.engine.held = {"manifest": {"time": "2026-11-26T00:00:00Z"}}
    invoke("restore", "--snapshot", OLD)
    assert world.engine.imported[0].deployment == state(10)


def test_without_clouds_only_what_survived_is_brought_back(world: World) -> None:
    full = state(12)
    server = {"urn": "urn:pulumi:staging::manacore::hcloud:index/server:Server::main",
              "type": "hcloud:index/server:Server", "custom": True}  # fmt: skip
    full["resources"].append(server)
    world.documents[NEW] = Document(stack="staging", version=3, state=full, files={}).text
    assert json.loads(invoke("restore", "--clouds-lost", "--json").stdout)["resources"] == 3
    assert world.engine.imported[0].deployment == state(12)


@pytest.mark.parametrize("wanted", ["ffff", ""])
def test_what_is_not_kept_cannot_come_back(world: World, wanted: str) -> None:
    if not wanted:
        world.documents.clear()
    arguments = ["--snapshot", wanted] if wanted else []
    assert "0 states in the bucket" in flat(invoke("restore", *arguments, code=1))


def test_another_stacks_state_is_refused(world: World) -> None:
    world.documents[NEW] = kept(12, "production")
    assert "is of the stack production" in flat(invoke("restore", code=1))
    assert world.engine.imported == []


def test_options_of_restore_go_with_nothing_else(world: World) -> None:
    for verb in ("list", "keep"):
        invoke(verb, "--force", code=2)
    assert world.sent == []


def test_what_is_kept_is_listed(world: World) -> None:
    assert "2 states" in flat(invoke("list"))
    assert [one["id"] for one in json.loads(invoke("list", "--json").stdout)] == [OLD, NEW]


def test_state_ledger_and_configuration_are_sent(world: World) -> None:
    assert json.loads(invoke("keep", "--json").stdout) == {"snapshot": "cccc3333"}
    sent = Document.read(world.sent[0])
    assert sent.state == state(11)
    assert sent.files == {LEDGER: "hour: 11\n", CONFIGURED: "config: {}\n"}


def test_a_readable_secret_is_not_sent(world: World) -> None:
    (world.root / CONFIGURED).write_text("key: a-secret-of-the-configuration\n")
    result = invoke("keep", code=1)
    assert "Pulumi.staging.yaml has a secret" in flat(result)
    assert "a-secret-of" not in result.output
    assert world.sent == []


def test_an_update_that_cannot_keep_its_state_says_so_aloud_and_goes_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.agent_says = OpsError("The bucket is away.")
    keeping.keep_or_warn(world.engine, world.target)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "WARNING: the state of staging is NOT in the bucket" in said
    assert "The bucket is away." in said
    assert "./manacore state keep --stack staging" in said
