"""What the engine's events become."""

from __future__ import annotations

from typing import Any

from pulumi.automation.events import EngineEvent

from ops.progress import Progress, resource

URN = "urn:pulumi:staging::manacore::manacore:docker:Service$docker:index/container:Container::edge"


def event(**content: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **content})


def step(op: str, urn: str = URN) -> dict[str, Any]:
    return {"metadata": {"op": op, "urn": urn, "type": "x", "provider": ""}}


def test_a_resource_is_named_as_a_person_knows_it() -> None:
    assert resource(URN) == "edge (docker:index/container:Container)"
    provider = "urn:pulumi:staging::manacore::pulumi:providers:github::github"
    assert resource(provider) == "github (pulumi:providers:github)"


def test_what_is_done_is_counted_and_what_is_not_is_under_way() -> None:
    progress = Progress("up")
    progress.take(event(resourcePreEvent=step("create")))
    assert list(progress.under_way) == [URN]
    progress.take(event(resOutputsEvent=step("create")))
    assert progress.under_way == {}
    assert progress.done["created"] == 1


def test_a_failure_names_the_resource_and_the_providers_message_once() -> None:
    progress = Progress("up")
    for _ in range(2):
        said = {"message": "<{%reset%}>name is taken\n", "color": "", "severity": "error"}
        progress.take(event(diagnosticEvent={**said, "urn": URN}))
    assert progress.failures == ["edge (docker:index/container:Container): name is taken"]


def test_a_long_failure_keeps_its_beginning_and_its_reason_at_the_end() -> None:
    progress = Progress("up")
    told = f"exit status 1: running 'ssh {'x' * 2000}':\nOSError: No space left on device"
    said = {"message": told, "color": "", "severity": "error", "urn": URN}
    progress.take(event(diagnosticEvent=said))
    (line,) = progress.failures
    assert line.startswith("edge (docker:index/container:Container): exit status 1: running 'ssh")
    assert line.endswith("OSError: No space left on device")
    assert len(line) < 700


def test_only_what_changes_is_a_change() -> None:
    progress = Progress("preview")
    summary = {
        "maybeCorrupt": False,
        "durationSeconds": 1,
        "resourceChanges": {"same": 80, "update": 2},
        "policyPacks": {},
    }
    progress.take(event(summaryEvent=summary))
    assert progress.changes == {"update": 2}
