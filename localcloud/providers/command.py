"""The stand-in of the command provider: `command:local:Command` and the function `local:run`.

As with the official plugin a change of any input but `triggers` updates in place by running
`update`, or `create` where there is none; a change of `triggers` replaces.
"""

# ruff: noqa: ARG002, S105, S106 - arguments are the framework's; a token is a type's name

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

from localcloud.providers.framework import (
    Anything,
    Boolean,
    Cancelled,
    Context,
    Failure,
    Function,
    ListOf,
    MapOf,
    Property,
    Provider,
    ProviderError,
    Resource,
    String,
    Values,
)

_INTERPRETER: Final = ("/bin/sh", "-c")
_POLL_SECONDS: Final = 0.2

_PROCESS: Final = (
    Property("stdin"),
    Property("logging", choices=("stdout", "stderr", "stdoutAndStderr", "none")),
    Property("interpreter", ListOf(String)),
    Property("dir"),
    Property("environment", MapOf(String)),
    Property("assetPaths", ListOf(String)),
    Property("archivePaths", ListOf(String)),
    Property("addPreviousOutputInEnv", Boolean),
)


def _no_assets(inputs: Values) -> list[Failure]:
    """Files as assets are not supported here; the official plugin supports them."""
    return [
        Failure(name, "the local cloud cannot return files as assets: print what is needed")
        for name in ("assetPaths", "archivePaths")
        if inputs.get(name)
    ]


class Command(Resource[None]):
    """A command that runs on this machine when the resource is created, updated or deleted."""

    token = "command:local:Command"
    undo_abandoned = False  # the delete script may do more than undo a creation that broke off
    properties = (
        Property("create"),
        Property("update"),
        Property("delete"),
        Property("triggers", ListOf(Anything), force_new=True),
        *_PROCESS,
        Property("stdout", output=True, volatile=True),
        Property("stderr", output=True, volatile=True),
    )

    def check(self, ctx: Context[None], inputs: Values) -> list[Failure]:
        return _no_assets(inputs)

    def create(self, ctx: Context[None], inputs: Values) -> tuple[str, Values]:
        return f"{ctx.name}{secrets.token_hex(4)}", _run(ctx, inputs.get("create"), inputs, {})

    def read(self, ctx: Context[None], resource_id: str, state: Values) -> Values | None:
        return state  # what a command did cannot be looked up

    def update(self, ctx: Context[None], resource_id: str, old: Values, new: Values) -> Values:
        return _run(ctx, new.get("update", new.get("create")), new, old)

    def delete(self, ctx: Context[None], resource_id: str, state: Values) -> None:
        _run(ctx, state.get("delete"), state, state)


def _run_function(ctx: Context[None], args: Values) -> Values:
    failures = _no_assets(args)
    if failures:
        raise ProviderError("; ".join(f"{f.property}: {f.reason}" for f in failures))
    return {**args, **_run(ctx, args["command"], args, {})}


def _run(ctx: Context[None], command: str | None, inputs: Values, previous: Values) -> Values:
    """Run one script; its outputs, or those before when there is no script."""
    if command is None:
        return {name: previous.get(name, "") for name in ("stdout", "stderr")}
    environment = {**os.environ, **inputs.get("environment", {})}
    if inputs.get("addPreviousOutputInEnv", True):
        for name in ("stdout", "stderr"):
            if previous.get(name):
                environment[f"PULUMI_COMMAND_{name.upper()}"] = previous[name]
    arguments = [*(inputs.get("interpreter") or _INTERPRETER), command]
    try:
        process = subprocess.Popen(
            arguments,
            cwd=Path(inputs["dir"]) if "dir" in inputs else None,
            env=environment,
            stdin=subprocess.PIPE if inputs.get("stdin") else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that its children end with it
        )
    except OSError as error:
        raise ProviderError(f"{error}: running {command!r}") from error
    logging = inputs.get("logging", "stdoutAndStderr")
    outputs = _Outputs()
    readers = [
        _reader(process.stdout, outputs.stdout, outputs, _logger(ctx, logging, "stdout")),
        _reader(process.stderr, outputs.stderr, outputs, _logger(ctx, logging, "stderr")),
        _writer(process.stdin, inputs.get("stdin")),
    ]
    _wait(ctx, process)
    for reader in readers:
        reader.join()
    if process.returncode:
        raise ProviderError(
            f"exit status {process.returncode}: running {command!r}:\n{_text(outputs.both)}"
        )
    return {
        "stdout": _text(outputs.stdout).removesuffix("\n"),
        "stderr": _text(outputs.stderr).removesuffix("\n"),
    }


class _Outputs:
    """What a process wrote, apart and as it came."""

    def __init__(self) -> None:
        self.stdout: list[bytes] = []
        self.stderr: list[bytes] = []
        self.both: list[bytes] = []


def _text(lines: Sequence[bytes]) -> str:
    return b"".join(lines).decode(errors="replace")


def _logger(ctx: Context[None], logging: str, stream: str) -> Callable[[str], None]:
    wanted = {"stdout": ("stdout", "stdoutAndStderr"), "stderr": ("stderr", "stdoutAndStderr")}
    return ctx.log if logging in wanted[stream] else lambda _: None


def _reader(
    pipe: IO[bytes] | None, into: list[bytes], outputs: _Outputs, log: Callable[[str], None]
) -> threading.Thread:
    def read() -> None:
        if pipe is None:
            return
        with pipe:
            for line in pipe:
                into.append(line)
                outputs.both.append(line)
                log(line.decode(errors="replace").rstrip("\n"))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _writer(pipe: IO[bytes] | None, text: str | None) -> threading.Thread:
    def write() -> None:
        if pipe is None or text is None:
            return
        try:
            with pipe:
                pipe.write(text.encode())
        except BrokenPipeError:
            return  # the command did not want to read all of it

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def _wait(ctx: Context[None], process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            try:
                ctx.check_cancelled()
            except Cancelled:
                _end(process)
                raise
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and its children, by force when they do not listen."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(5)
            return


def _no_client(config: Values) -> None:
    del config


def provider() -> Provider[None]:
    """The command provider; it has no configuration."""
    advice = "run the OpenSSH client in a command:local:Command instead"
    return Provider(
        name="command",
        package="pulumi-command",
        configure=_no_client,
        resources=(Command(),),
        functions=(
            Function(
                token="command:local:run",
                properties=(Property("command", required=True), *_PROCESS),
                run=_run_function,
            ),
        ),
        refused={
            "command:remote:Command": advice,
            "command:remote:CopyFile": advice,
            "command:remote:CopyToRemote": advice,
        },
    )
