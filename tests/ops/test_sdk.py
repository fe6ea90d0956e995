"""Between a program and the engine: connections of their own, and no idle talk."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any, cast

import grpc
import pulumi
import pytest
from pulumi import automation as auto
from pulumi.automation.events import EngineEvent, OpType
from pulumi.runtime.settings import Settings

from ops import sdk
from tests.localcloud.providers.engine import ENGINE
from tests.support.mocks import Recorder
from tests.support.ports import free_port

resource_pb2 = cast(Any, import_module("pulumi.runtime.proto.resource_pb2"))


# Connections share their state as long as one of them lives.
KEPT: list[object] = []


def ask(port: int) -> str:
    """Ask the monitor of that port through the SDK's own stub."""
    # A program's settings belong to its context: here, to one of their own.
    context = copy_context()
    settings = context.run(Settings, "toy", "test", f"127.0.0.1:{port}")
    monitor = context.run(getattr, settings, "monitor")
    KEPT.append(monitor)
    try:
        monitor.SupportsFeature(resource_pb2.SupportsFeatureRequest(id="secrets"))
    except grpc.RpcError as error:
        return str(cast(Any, error).code())
    return "answered"


def support(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    """What a monitor answers to the question for a feature."""
    return bytes(resource_pb2.SupportsFeatureResponse(hasSupport=True).SerializeToString())


def untouched(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """Give the SDK back what it came with: another test may have opened a session before."""
    spec = find_spec(module)
    assert spec
    assert spec.loader
    original = module_from_spec(spec)
    spec.loader.exec_module(original)
    monkeypatch.setattr(import_module(module), name, vars(original)[name])


def test_a_port_of_an_engine_that_is_gone_can_be_used_again() -> None:
    sdk.keep_apart()
    port = free_port()
    assert ask(port) == "StatusCode.UNAVAILABLE"

    server = grpc.server(ThreadPoolExecutor(1))
    methods: Any = {
        "SupportsFeature": cast(Any, grpc).unary_unary_rpc_method_handler(support),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("pulumirpc.ResourceMonitor", methods),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        assert ask(port) == "answered"
    finally:
        server.stop(None)


def test_it_is_safe_to_repeat() -> None:
    sdk.keep_apart()
    sdk.keep_apart()
    settings = import_module("pulumi.runtime._grpc_settings")
    options = cast("list[tuple[str, int]]", vars(settings)["_GRPC_CHANNEL_OPTIONS"])
    assert [name for name, _ in options].count("grpc.use_local_subchannel_pool") == 1


def toy(folder: Path) -> auto.Stack:
    """A stack of one component."""
    folder.mkdir()
    return auto.create_stack(
        "test",
        "toy",
        lambda: cast(None, pulumi.ComponentResource("toy:index:Thing", "thing")),
        opts=auto.LocalWorkspaceOptions(
            env_vars={
                "PATH": f"{ENGINE}:{os.environ['PATH']}",
                "PULUMI_BACKEND_URL": f"file://{folder}",
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
            project_settings=auto.ProjectSettings("toy", "python"),
        ),
    )


def debug_lines(folder: Path) -> int:
    """How many debug lines come back from the engine when a program makes one component."""
    events: list[EngineEvent] = []
    toy(folder).preview(on_event=events.append)
    told = [e.diagnostic_event for e in events if e.diagnostic_event]
    return sum(line.severity == "debug" for line in told)


def test_the_sdk_s_debug_lines_are_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{ENGINE}:{os.environ['PATH']}")
    untouched(monkeypatch, "pulumi.log", "debug")
    assert debug_lines(tmp_path / "talkative") > 0

    sdk.skip_debug_lines()
    assert debug_lines(tmp_path / "quiet") == 0


def positions(folder: Path) -> int:
    """How many resources are in the state with the line that made them."""
    stack = toy(folder)
    stack.up()
    deployment = cast(dict[str, Any], stack.export_stack().deployment)
    return sum("sourcePosition" in found for found in deployment["resources"])


def test_no_stack_is_taken_for_a_resource(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{ENGINE}:{os.environ['PATH']}")
    untouched(monkeypatch, "pulumi.runtime.resource", "_get_stack_trace")
    assert positions(tmp_path / "traced") > 0

    sdk.skip_stack_traces()
    assert positions(tmp_path / "plain") == 0


def urns() -> list[str]:
    """What the mocks call a component, its child and its child's alias."""
    pulumi.runtime.set_mocks(Recorder(), project="toy", stack="test")
    found: list[str] = []

    @pulumi.runtime.test
    def made() -> pulumi.Output[None]:
        parent = pulumi.ComponentResource("toy:index:Thing", "thing")
        child = pulumi.ComponentResource(
            "toy:index:Part", "part", opts=pulumi.ResourceOptions(parent=parent)
        )
        alias = pulumi.create_urn("part", "toy:index:Part", parent)
        return pulumi.Output.all(parent.urn, child.urn, alias).apply(found.extend)

    made()
    return found


def test_a_urn_of_plain_parts_is_the_one_that_the_sdk_makes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    internal = import_module("pulumi.runtime.resource")
    original = vars(import_module("pulumi.resource"))["create_urn_internal"]
    monkeypatch.setattr(internal, "create_urn", original)
    theirs = urns()
    assert theirs == [
        "urn:pulumi:test::toy::pulumi:pulumi:Stack$toy:index:Thing::thing",
        "urn:pulumi:test::toy::toy:index:Thing$toy:index:Part::part",
        "urn:pulumi:test::toy::pulumi:pulumi:Stack$toy:index:Thing$toy:index:Part::part",
    ]
    sdk.join_plain_urns()
    assert vars(internal)["create_urn"] is not original
    assert urns() == theirs


def test_an_update_whose_result_is_not_read_starts_the_engine_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{ENGINE}:{os.environ['PATH']}")
    stack = toy(tmp_path / "toy")
    commands: list[str] = []
    run = auto.PulumiCommand.run

    def counted(self: auto.PulumiCommand, args: list[str], *rest: Any) -> Any:
        commands.append(" ".join(args[:2]))
        return run(self, args, *rest)

    monkeypatch.setattr(auto.PulumiCommand, "run", counted)
    with sdk.results_unread(stack):
        stack.up()
    assert commands == ["up --yes"]
    summary = stack.up().summary
    assert summary.result == "succeeded"
    assert commands[1:] == ["up --yes", "stack output", "stack output", "stack history"]


def test_only_changes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{ENGINE}:{os.environ['PATH']}")
    untouched(monkeypatch, "pulumi.automation._stack", "_EventsServicer")
    stack = toy(tmp_path / "toy")
    stack.up()

    def told() -> list[OpType]:
        events: list[EngineEvent] = []
        stack.up(on_event=events.append)
        assert [e.summary_event.resource_changes for e in events if e.summary_event] == [
            {OpType.SAME: 2}
        ]
        return [e.resource_pre_event.metadata.op for e in events if e.resource_pre_event]

    assert told() == [OpType.SAME, OpType.SAME]
    sdk.skip_unchanged()
    sdk.skip_unchanged()
    assert told() == []
