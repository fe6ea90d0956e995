"""Runs inline programs with the real engine against stand-ins served in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pulumi import automation as auto

from localcloud import engine
from localcloud.home import Home

_found = engine.find(Home.from_environment())
assert _found, "the engine is not there: ./manacore setup engine"
ENGINE = _found.parent
"""The folder of the engine that the tests run."""


def counted(changes: Mapping[auto.OpType, int] | None) -> dict[str, int]:
    """How many resources had which operation, under the operation's plain name."""
    return {getattr(key, "value", str(key)): count for key, count in (changes or {}).items()}


@dataclass
class Harness:
    """One stack whose program can be exchanged between the runs."""

    folder: Path
    debug_providers: str
    program: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        environment = {
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_PROVIDERS": self.debug_providers,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PATH": f"{ENGINE}:{os.environ['PATH']}",
        }
        os.environ["PATH"] = environment["PATH"]
        self.stack = auto.create_or_select_stack(
            "test",
            "toy",
            lambda: self.program(),  # noqa: PLW0108 - the program can be exchanged between runs
            opts=auto.LocalWorkspaceOptions(
                env_vars=environment,
                project_settings=auto.ProjectSettings("toy", "python"),
            ),
        )

    def up(self, program: Callable[[], None] | None = None) -> dict[str, int]:
        """Update; what changed."""
        self.program = program or self.program
        return counted(self.stack.up().summary.resource_changes)

    def preview(self, program: Callable[[], None] | None = None) -> dict[str, int]:
        """Preview; what would change."""
        self.program = program or self.program
        return counted(self.stack.preview().change_summary)

    def refresh(self) -> dict[str, int]:
        """Refresh; what had drifted."""
        return counted(self.stack.refresh().summary.resource_changes)

    def destroy(self) -> dict[str, int]:
        """Destroy all."""
        return counted(self.stack.destroy().summary.resource_changes)

    def state(self) -> list[dict[str, Any]]:
        """The resources in the state."""
        deployment: Any = self.stack.export_stack().deployment
        return cast("list[dict[str, Any]]", deployment["resources"])
