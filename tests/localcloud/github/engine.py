"""A real engine for tests: one stack of an inline program, on a file backend of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_github as github
import pytest
from pulumi import automation as auto

from localcloud.home import Home

PROJECT = "manacore"


def engine_home() -> Path:
    """The folder of the engine; the test is skipped when there is none."""
    binary = Home.from_environment().engine / "pulumi"
    if not binary.exists():
        pytest.skip(f"no engine at {binary}: `make up` builds it")
    return binary.parent


@dataclass
class Engine:
    """One stack. The program is replaced between updates, as an edit would."""

    folder: Path
    environment: Mapping[str, str]
    program: Callable[[github.Provider], Any] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        # The Automation API looks for the engine on this process's PATH.
        engine = str(engine_home())
        if engine not in os.environ["PATH"].split(os.pathsep):
            os.environ["PATH"] = f"{engine}{os.pathsep}{os.environ['PATH']}"
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        variables = {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **self.environment,
        }
        self.stack = auto.create_or_select_stack(
            "test",
            project_name=PROJECT,
            program=self._run,
            opts=auto.LocalWorkspaceOptions(work_dir=str(self.folder), env_vars=variables),
        )

    def _run(self) -> None:
        # The SDK takes the address from the program's own environment, else github.com's: so it
        # is given here. Token and owner come from the environment of the provider.
        provider = github.Provider("github", base_url=self.environment["GITHUB_BASE_URL"])
        pulumi.export("result", self.program(provider))

    def up(self, **options: Any) -> dict[str, int]:
        """Update; how many resources changed in which way."""
        return _counts(self.stack.up(**options).summary.resource_changes)

    def preview(self, **options: Any) -> dict[str, int]:
        """Preview; what it would change, without what stays the same."""
        return _counts(self.stack.preview(**options).change_summary)

    def refresh(self) -> dict[str, int]:
        """Refresh; what it found changed."""
        return _counts(self.stack.refresh().summary.resource_changes)

    def destroy(self) -> dict[str, int]:
        """Destroy everything."""
        return _counts(self.stack.destroy().summary.resource_changes)

    def resources(self, token: str) -> dict[str, dict[str, Any]]:
        """The resources of a type in the state, by logical name."""
        deployment: Any = self.stack.export_stack().deployment
        found = deployment.get("resources", [])
        return {r["urn"].rpartition("::")[2]: r for r in found if r["type"] == token}


def _counts(changes: Mapping[Any, int] | None) -> dict[str, int]:
    counts = {str(getattr(kind, "value", kind)): n for kind, n in (changes or {}).items()}
    return {kind: n for kind, n in counts.items() if kind != "same"}
