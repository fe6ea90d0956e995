"""What the SDK does between a program in this process and the engine, and we do otherwise."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

import pulumi
from pulumi import automation as auto

# How the engine's event of a resource without a change begins, within so many characters.
_UNCHANGED, _HEAD = '"metadata":{"op":"same"', 200
_OPTION = ("grpc.use_local_subchannel_pool", 1)


def keep_apart() -> None:
    """Let no connection of this process inherit another's state; safe to repeat.

    Every run of the engine listens on fresh ports of this machine. gRPC shares the state of a
    connection among all that go to the same address, so when the system hands out a port again
    that an earlier engine of this process had, the new connection starts in the old one's back-off
    and fails at once ("Resource monitor has terminated").
    """
    # The SDK has no public place for its channels' options: it reads this list for each of them.
    settings = import_module("pulumi.runtime._grpc_settings")
    options = cast("list[tuple[str, int]]", vars(settings)["_GRPC_CHANNEL_OPTIONS"])
    if _OPTION not in options:
        options.append(_OPTION)


def skip_debug_lines() -> None:
    """Send none of the SDK's debug lines; safe to repeat.

    There are several for each resource. Each is a call to the engine that the program waits for,
    and comes back as an event, although nothing here shows them: a third of a preview's CPU time.
    """
    pulumi.log.debug = _unsaid


def skip_stack_traces() -> None:
    """Send no stack of Python calls with a resource; safe to repeat.

    The SDK takes one for each, and looks at every source file in it to see whether it changed. The
    engine hands it on to analyzers and language servers, and there are none here.
    """
    # Private, as the SDK has no option for it; the plain `pulumi` commands keep them.
    internal = import_module("pulumi.runtime.resource")
    messages = import_module("pulumi.runtime.proto.source_pb2")
    vars(internal)["_get_stack_trace"] = vars(messages)["StackTrace"]


def join_plain_urns() -> None:
    """Put a URN of plain parts together as text; safe to repeat.

    The SDK makes one with every resource, which only its mocks read, of ten outputs: as many as the
    resource itself has, and each is a future.
    """
    vars(import_module("pulumi.runtime.resource"))["create_urn"] = _urn


def skip_unchanged() -> None:
    """Take no event of a resource that stays as it is; safe to repeat.

    There are two for each, with all its inputs and outputs, old and new. Reading them is a fourth
    of this process's CPU time when nothing changes, and nobody is told of them.
    """
    # Private, as the SDK has no option for it.
    stacks = import_module("pulumi.automation._stack")
    servicer = cast("type[Any]", vars(stacks)["_EventsServicer"])
    if servicer.__name__ == _Changes.__name__:
        return
    vars(stacks)["_EventsServicer"] = type(_Changes.__name__, (_Changes, servicer), {})


class _Changes:
    """Before the SDK's own reader of the engine's events."""

    def StreamEvents(self, requests: Iterable[Any], context: object) -> object:  # noqa: N802 - gRPC's name
        """Hand on those of changes, and those that are not about one resource."""
        changes = (one for one in requests if _UNCHANGED not in one.event[:_HEAD])
        return cast("Any", super()).StreamEvents(changes, context)


@contextmanager
def results_unread(stack: auto.Stack) -> Generator[None]:
    """Let updates of the stack end without reading their result, which nobody here looks at.

    The SDK reads the outputs, the same with secrets, and the history: three starts of the engine,
    which are a fourth of the time that a flip of the pointers takes.
    """
    unread = dict[str, Any](outputs=dict[str, Any], info=lambda _secrets=True: True)
    vars(stack).update(unread)
    try:
        yield
    finally:
        for name in unread:
            del vars(stack)[name]


def _urn(
    name: pulumi.Input[str],
    type_: pulumi.Input[str],
    parent: pulumi.Resource | pulumi.Input[str] | None = None,
    project: str | None = None,
    stack: str | None = None,
) -> pulumi.Output[str]:
    """In place of the SDK's own, which it leaves all parts that are not plain to."""
    if not (isinstance(name, str) and isinstance(type_, str) and isinstance(parent, str | None)):
        return pulumi.create_urn(name, type_, parent, project, stack)
    if parent is None:
        of = f"urn:pulumi:{stack or pulumi.get_stack()}::{project or pulumi.get_project()}::"
    else:
        of = parent[: parent.rfind("::")] + "$"
    return pulumi.Output.from_input(f"{of}{type_}::{name}")


def _unsaid(
    msg: str,
    resource: pulumi.Resource | None = None,
    stream_id: int | None = None,
    ephemeral: bool | None = None,
) -> None:
    """In place of `pulumi.log.debug`."""
