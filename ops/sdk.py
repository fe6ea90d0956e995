"""What the SDK does between a program in this process and the engine, and we do otherwise."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import pulumi

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


def _unsaid(
    msg: str,
    resource: pulumi.Resource | None = None,
    stream_id: int | None = None,
    ephemeral: bool | None = None,
) -> None:
    """In place of `pulumi.log.debug`."""
