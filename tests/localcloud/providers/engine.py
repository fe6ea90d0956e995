"""Runs inline programs with the real engine against stand-ins served in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation as auto

ENGINE = Path("~/.cache/manacore/engine").expanduser()


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
        return dict(self.stack.up().summary.resource_changes or {})

    def preview(self, program: Callable[[], None] | None = None) -> dict[str, int]:
        """Preview; what would change."""
        self.program = program or self.program
        summary: Mapping[Any, int] = self.stack.preview().change_summary
        return {getattr(key, "value", str(key)): count for key, count in summary.items()}

    def refresh(self) -> dict[str, int]:
        """Refresh; what had drifted."""
        return dict(self.stack.refresh().summary.resource_changes or {})

    def destroy(self) -> dict[str, int]:
        """Destroy all."""
        return dict(self.stack.destroy().summary.resource_changes or {})

    def state(self) -> list[dict[str, Any]]:
        """The resources in the state."""
        return self.stack.export_stack().deployment["resources"]
