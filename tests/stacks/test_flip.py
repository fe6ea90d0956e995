"""What a flip changes in a stack's plan."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from catalog import load_catalog
from stacks.ledger import Entry, Ledger, Slot
from stacks.program import Loaded, load
from tests.support.mocks import Recorder
from tests.support.platform import edge_configs, plan_of, planned, raw

COMMAND = "command:local:Command"


def with_live(loaded: Loaded, live: Slot) -> Recorder:
    """The plan with both slots of all services filled, and one of them live."""
    entries = {
        name: Entry(live=live, blue=entry.image(entry.live), green=entry.image(entry.live))
        for name, entry in loaded.ledger.entries.items()
    }
    return plan_of(replace(loaded, ledger=Ledger(entries)))[0]


def pointers(recorder: Recorder) -> dict[str, str]:
    return json.loads(recorder.one(COMMAND, "main-edge-slots").inputs["stdin"])["files"]


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_flip_of_all_services_changes_the_pointers_and_nothing_else(stack: str) -> None:
    loaded = load(stack, raw(stack))
    blue, green = (with_live(loaded, slot) for slot in Slot)
    before, after = ({(r.token, r.name): r.inputs for r in p.resources} for p in (blue, green))
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key]] == [(COMMAND, "main-edge-slots")]
    assert {dial.partition(":")[0] for dial in pointers(green).values() if dial} == {
        f"{service.name}-green" for service in load_catalog().slotted
    }


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_canaries_and_maintenance_change_the_pointers_and_nothing_else(stack: str) -> None:
    loaded = load(stack, raw(stack))
    plain = with_live(loaded, Slot.BLUE)
    entries = {
        name: Entry(
            live=Slot.BLUE,
            blue=entry.image(entry.live),
            green=entry.image(entry.live),
            canary=10,
            maintenance="Back at six." if name == "chat-web" else None,
        )
        for name, entry in loaded.ledger.entries.items()
    }
    gated = plan_of(replace(loaded, ledger=Ledger(entries)))[0]
    before, after = ({(r.token, r.name): r.inputs for r in p.resources} for p in (plain, gated))
    assert [key for key in before if before[key] != after[key]] == [(COMMAND, "main-edge-slots")]
    files = pointers(gated)
    assert files["chat-web.gate"] == "maintenance Back at six."
    port = load_catalog()["chat-backend"].port
    assert files["chat-backend.gate"] == f"canary 19a chat-backend-green:{port}"
    assert files["chat-backend"] == f"chat-backend-blue:{port}"


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_every_pointer_that_the_edge_reads_is_written(stack: str) -> None:
    recorder, _ = planned(stack)
    text = edge_configs(recorder)["main"]
    read = set(re.findall(r"\{file\./etc/edge-slots/live/([^}]+)\}", text))
    written = pointers(recorder)
    assert read and read <= written.keys()
    names = {service.name for service in load_catalog().slotted}
    assert written.keys() == names | {f"{name}.gate" for name in names}
    edge = next(
        c
        for c in recorder.of("docker:index/container:Container")
        if c.inputs["labels"] == [{"label": "manacore.edge", "value": "edge-holder"}]
    )
    mounts = {m["target"]: (m["source"], m["readOnly"]) for m in edge.inputs["mounts"]}
    assert mounts["/etc/edge-slots"] == ("/srv/manacore/edge-slots", True)
