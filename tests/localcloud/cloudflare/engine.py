"""The real engine with the stand-in provider attached, against a served emulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation as auto

from components.sdk import cloudflare
from localcloud.home import Home
from localcloud.providers.cloudflare import provider
from localcloud.providers.server import debug_providers, serve
from tests.localcloud.cloudflare.serving import TOKEN, Served

Program = Callable[[pulumi.ResourceOptions], None]


@dataclass
class Engine:
    """One stack; each call runs a program with the provider set for what it registers."""

    workspace: Path
    environment: dict[str, str]

    def stack(self, program: Program) -> auto.Stack:
        """The stack with this program in it."""

        def inline() -> None:
            vendor = cloudflare.Provider("cloudflare")
            program(pulumi.ResourceOptions(providers=[vendor]))

        settings = auto.ProjectSettings(
            name="cloudflare-test",
            runtime="python",
            backend=auto.ProjectBackend(url=f"file://{self.workspace}"),
        )
        options = auto.LocalWorkspaceOptions(
            project_settings=settings,
            env_vars=self.environment,
            work_dir=str(self.workspace),
        )
        return auto.create_or_select_stack(
            "test", project_name="cloudflare-test", program=inline, opts=options
        )

    def up(self, program: Program, **options: Any) -> dict[str, int]:
        """Bring it up; how many resources were created, updated, ..."""
        done = self.stack(program).up(on_output=_quiet, **options)
        return {str(kind): n for kind, n in (done.summary.resource_changes or {}).items()}

    def preview(self, program: Program, **options: Any) -> dict[str, int]:
        """What an `up` would do, without what stays the same."""
        done = self.stack(program).preview(on_output=_quiet, **options)
        return {str(kind): n for kind, n in done.change_summary.items() if str(kind) != "same"}

    def refresh(self, program: Program) -> dict[str, int]:
        """Read everything anew."""
        done = self.stack(program).refresh(on_output=_quiet)
        return {str(kind): n for kind, n in (done.summary.resource_changes or {}).items()}

    def destroy(self) -> None:
        """Delete everything."""
        self.stack(lambda _: None).destroy(on_output=_quiet)

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state."""
        deployment: Any = self.stack(lambda _: None).export_stack().deployment
        return deployment.get("resources") or []


def _quiet(_line: str) -> None:
    """Drop the engine's output: what matters is asserted."""


@contextmanager
def attached(served: Served, workspace: Path) -> Generator[Engine]:
    """An engine with the stand-in, configured from the environment as the official plugin is."""
    engine = Home.from_environment().engine
    variables = {
        "CLOUDFLARE_API_TOKEN": TOKEN,
        "CLOUDFLARE_BASE_URL": served.url,
        "PATH": f"{engine}{os.pathsep}{os.environ['PATH']}",
    }
    before = {key: os.environ.get(key) for key in variables}
    os.environ.update(variables)
    running = serve(provider())
    try:
        yield Engine(
            workspace=workspace,
            environment={
                "PULUMI_CONFIG_PASSPHRASE": "for a test",
                "PULUMI_DEBUG_PROVIDERS": debug_providers([running]),
                "PULUMI_HOME": str(workspace / "pulumi-home"),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            },
        )
    finally:
        running.stop(0).wait()
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
