"""What a program sends to the engine, whole.

    python -m tests.components.sdk.registrations STACK [official]

prints the registrations of a stack as JSON; with `official` those that the vendors' own packages
make for it.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, cast

from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks

from tests.support.mocks import Answer, recording

Requests = list[dict[str, Any]]
VENDORS = ("cloudflare", "command", "docker", "github", "hcloud", "random")
# Where the program's line stands and when it ran are not what is registered.
_IGNORED = ("sourcePosition", "stackTrace", "requestId")
_SETS = ("dependencies", "urns")


def registered(
    program: Callable[[], Any], answers: dict[str, Answer] | None = None, *, stack: str = "test"
) -> Requests:
    """The registrations of `program` as they go to the engine, by type and name."""
    requests: Requests = []
    monitor: Any = mocks.MockMonitor
    original = monitor.RegisterResource

    def keep(self: Any, request: Any) -> Any:
        requests.append(_comparable(MessageToDict(request)))
        return original(self, request)

    monitor.RegisterResource = keep
    try:
        with recording(answers, stack=stack) as (_, run):
            run(program)
    finally:
        monitor.RegisterResource = original
    found = [request for request in requests if request["type"] != "pulumi:pulumi:Stack"]
    return sorted(found, key=lambda request: (request["type"], request["name"]))


def _comparable(value: Any) -> Any:
    """A registration without what differs from run to run.

    Dependencies are sets. Of a nested input that is None the vendors' classes of arguments send
    nothing, as ours do; their mappings send a null, which the engine takes for nothing.
    """
    if isinstance(value, dict):
        held = cast(dict[str, Any], value)
        return {
            key: sorted(of) if key in _SETS else _comparable(of)
            for key, of in held.items()
            if key not in _IGNORED and of is not None
        }
    if isinstance(value, list):
        return [_comparable(one) for one in cast(list[Any], value)]
    return value


def official(vendor: str) -> ModuleType:
    """The vendor's own package, with all names that `components.sdk` has of it."""
    with warnings.catch_warnings():
        # One warns of each deprecated class of its own while it is imported.
        warnings.simplefilter("ignore", DeprecationWarning)
        package = import_module(f"pulumi_{vendor}")
    if vendor != "command":
        return package
    flat = ModuleType("flat")
    local = import_module("pulumi_command.local")
    vars(flat).update(Provider=package.Provider, Command=local.Command)
    return flat


def main() -> None:
    """Print the registrations of a stack."""
    stack, *kind = sys.argv[1:]
    if kind == ["official"]:
        for vendor in VENDORS:
            sys.modules[f"components.sdk.{vendor}"] = official(vendor)
    program = import_module("stacks.program")
    platform = import_module("tests.support.platform")
    loaded = program.load(stack, platform.raw(stack))
    requests = registered(lambda: program.compose(loaded).outputs, platform.ANSWERS, stack=stack)
    sys.stdout.write(json.dumps(requests))


if __name__ == "__main__":
    main()
