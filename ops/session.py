"""The engine, driven by the Automation API with the program in this process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi import automation as auto
from pulumi.automation.events import EngineEvent
from semver import VersionInfo

from catalog import InvalidInputError
from localcloud import engine
from ops import sdk
from ops.failures import InvalidInput, OpsError
from ops.file_backend import backend_folder, clear_half_written
from ops.garbage import not_collected
from ops.progress import Progress
from ops.target import Target

PARALLEL = 64
Program = Callable[[], pulumi.Output[Any] | None]


class Engine(auto.PulumiCommand):
    """The Automation API's handle of an engine, which it only finds on PATH by itself."""

    def __init__(self, path: Path) -> None:
        """Not by the base class: it starts the engine for its version, which is known."""
        version = engine.version_of(path)
        self.command = str(path)
        self.version = VersionInfo(*version) if version else None


class Named(auto.LocalWorkspace):
    """A workspace whose stacks are never selected.

    Every command names its stack, so to select one first is a start of the engine for nothing.
    """

    def select_stack(self, stack_name: str) -> None:
        """Ask nothing: the first command tells whether there is such a stack."""


# An operation of a stack, given what takes its output lines and its events.
Verb = Callable[[Callable[[str], object], Callable[[EngineEvent], object]], object]


@dataclass
class Session:
    """One stack, opened; each verb logs in full and reports in brief."""

    target: Target
    program: Program | None = None
    refused: list[InvalidInputError] = field(default_factory=list[InvalidInputError])

    def stack(self) -> auto.Stack:
        """The stack in its backend, made when it is not there yet.

        Raises `OpsError` when the backend cannot be used.
        """
        try:
            workspace = self._workspace(auto.LocalWorkspace)
            return auto.Stack.create_or_select(self.target.stack, workspace)
        except auto.CommandError as error:
            raise unopened(self.target.stack, error) from error

    def known(self) -> auto.Stack:
        """The stack, which is in its backend: what only reads makes none."""
        return auto.Stack.select(self.target.stack, self._workspace(Named))

    def _workspace(self, kind: type[auto.LocalWorkspace]) -> auto.LocalWorkspace:
        sdk.keep_apart()
        sdk.skip_debug_lines()
        sdk.skip_stack_traces()
        sdk.join_plain_urns()
        sdk.skip_unchanged()
        # The program runs in this process, and SDKs take defaults from its environment.
        os.environ.update(self.target.variables)
        clear_half_written(backend_folder(self.target.variables))
        # OpenSSH ends, rather than going on alone, when it cannot make its shared connection here.
        (Path.home() / ".ssh").mkdir(mode=0o700, exist_ok=True)
        return kind(
            work_dir=str(self.target.folder),
            program=self._run_program,
            env_vars=dict(self.target.variables),
            pulumi_command=Engine(self.target.engine),
        )

    def run(self, name: str, verb: Verb) -> Progress:
        """Run a verb; raises `InvalidInput` or `OpsError` with what failed, by resource."""
        log = self._log(name)
        progress = Progress(name)
        with log.open("w") as out, progress, not_collected():

            def on_output(line: str) -> None:
                out.write(line + "\n")

            try:
                verb(on_output, progress.take)
            except auto.ConcurrentUpdateError as error:
                raise locked(self.target, str(error)) from error
            except auto.CommandError as error:
                out.write(str(error))
                if self.refused:
                    raise InvalidInput([str(p) for p in self.refused[0].problems]) from error
                lines = progress.failures or error_lines(str(error))
                raise OpsError(f"{name} of {self.target.stack} failed:", lines, log) from error
        return progress

    def up(
        self,
        stack: auto.Stack,
        name: str = "up",
        *,
        parallel: int = PARALLEL,
        refresh: bool = False,
        only: Sequence[str] = (),
    ) -> Progress:
        """Update the stack, under this name in logs and progress; raises as `run`.

        With patterns of URNs `only` these resources, and the stack's outputs.
        """

        def verb(out: Callable[[str], object], event: Callable[[EngineEvent], object]) -> object:
            with sdk.results_unread(stack):
                return stack.up(
                    parallel=parallel,
                    color="never",
                    refresh=refresh,
                    target=list(only),
                    on_output=out,
                    on_event=event,
                )

        return self.run(name, verb)

    def preview(
        self, stack: auto.Stack, *, parallel: int = PARALLEL, refresh: bool = False
    ) -> Progress:
        """What an update would change; raises as `run`."""
        return self.run(
            "preview",
            lambda out, event: stack.preview(
                parallel=parallel, color="never", refresh=refresh, on_output=out, on_event=event
            ),
        )

    def warm(self) -> None:
        """Import the program beside what comes before it runs; what fails in that fails then."""

        def imported() -> None:
            with suppress(Exception):
                self._composed()

        threading.Thread(target=imported, daemon=True).start()

    @staticmethod
    def _composed() -> Program:
        from stacks.program import program as composed  # noqa: PLC0415 - heavy, and not for every verb

        return composed

    async def _run_program(self) -> None:
        program = self.program or self._composed()
        try:
            last = program()
        except InvalidInputError as error:
            self.refused.append(error)
            raise
        if last is not None:
            # Wait here, once for all: the SDK's own wait looks at each of its thousands of futures
            # again whenever one of them is done, which is a second of CPU in a preview.
            await asyncio.wait([asyncio.ensure_future(last.future())])

    def _log(self, name: str) -> Path:
        self.target.logs.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return self.target.logs / f"{self.target.stack}-{name}-{stamp}.log"


def outputs(stack: auto.Stack) -> dict[str, Any]:
    """The stack's outputs as plain values; none of them is secret. Raises `OpsError`."""
    return _answer(stack, "stack", "output", "--json")


def resources(stack: auto.Stack) -> list[dict[str, Any]]:
    """The resources of the stack's state, secrets encrypted; none of an empty stack.

    Raises `OpsError`.
    """
    state = cast("Mapping[str, Any]", encrypted(stack).deployment or {})
    return cast("list[dict[str, Any]]", state.get("resources") or [])


def encrypted(stack: auto.Stack) -> auto.Deployment:
    """The stack's state as the backend has it: the Automation API's export decrypts all secrets.

    It can be imported as it is. Raises `OpsError`.
    """
    found = _answer(stack, "stack", "export")
    return auto.Deployment(version=found["version"], deployment=found.get("deployment"))


def _answer(stack: auto.Stack, *command: str) -> dict[str, Any]:
    """What a command of the engine prints about a stack."""
    workspace = stack.workspace
    try:
        told = workspace.pulumi_command.run(
            [*command, "--stack", stack.name], workspace.work_dir, workspace.env_vars
        )
    except auto.StackNotFoundError as error:
        raise OpsError(f"The stack {stack.name} is not up: bring it up first.") from error
    except auto.CommandError as error:
        raise unopened(stack.name, error) from error
    return cast("dict[str, Any]", json.loads(told.stdout))


def unopened(stack: str, error: auto.CommandError) -> OpsError:
    """The backend cannot be used, or not with this passphrase."""
    return OpsError(f"The stack {stack} cannot be opened.", backend_lines(str(error)))


def locked(target: Target, told: str) -> OpsError:
    """Another update runs (or its lock was left on a backend where that cannot be told)."""
    lines = [line.strip() for line in told.splitlines() if "created by" in line.lower()]
    return OpsError(
        f"Another update of {target.stack} runs.",
        [*lines, f"If it does not: pulumi cancel --stack {target.stack}"],
    )


def error_lines(told: str) -> list[str]:
    """What the engine said went wrong, without its progress and our traceback."""
    found = [
        re.sub(r"^\s*(error:)?\s*", "", line)
        for line in told.splitlines()
        if "error:" in line.lower()
    ]
    return _unique(found)[:20] or ["the engine gave no reason"]


def backend_lines(told: str) -> Sequence[str]:
    """The engine's reason, with the remedy for what is commonly missing."""
    lines = error_lines(told)
    if "passphrase" in told:
        lines.append("Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.")
    return lines


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(line for line in lines if line))
