"""Which stack on which clouds: the folder, the variables and the engine that a verb works with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud import engine
from localcloud.cloud import LocalCloud
from localcloud.home import Home
from ops.failures import OpsError

ROOT = Path(__file__).resolve().parent.parent
# Whose values never belong in a log or on a screen.
CREDENTIALS = ("HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN", "GITHUB_TOKEN")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A stack, and how to reach its clouds.

    `variables` come on top of the process's own environment.
    """

    stack: str
    is_local: bool
    folder: Path
    variables: Mapping[str, str]
    engine: Path
    logs: Path

    @classmethod
    def of(cls, stack: str, *, local: bool) -> Target:
        """The target that `--stack` and `--local` name.

        Raises `OpsError` when there is no engine, no such stack, or no local cloud.
        """
        home = Home.from_environment()
        if not (ROOT / f"Pulumi.{stack}.yaml").is_file():
            known = sorted(p.name.split(".")[1] for p in ROOT.glob("Pulumi.*.yaml"))
            raise OpsError(f"There is no stack {stack}.", [f"Stacks: {', '.join(known)}"])
        found = engine.find(home)
        if found is None:
            raise OpsError(
                "There is no Pulumi engine.",
                ["Install it (https://www.pulumi.com/docs/install), or run make up."],
            )
        if local:
            return cls._local(stack, LocalCloud(home), found)
        return cls(
            stack=stack,
            is_local=False,
            folder=ROOT,
            variables=real_variables(os.environ),
            engine=found,
            logs=home.root / "logs",
        )

    @classmethod
    def _local(cls, stack: str, cloud: LocalCloud, found: Path) -> Target:
        if not cloud.is_up(stack):
            raise OpsError(
                f"The local cloud does not run with the stack {stack}.",
                [f"Bring it up: make up STACK={stack}"],
            )
        return cls(
            stack=stack,
            is_local=True,
            folder=cloud.stack_folder(stack),
            variables=cloud.variables(stack),
            engine=found,
            logs=cloud.home.logs,
        )


def real_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What real clouds need beside the credentials that the person gives.

    The backend is the one of `PULUMI_BACKEND_URL` or of the login; without either it is a
    folder of the user, never the vendor's service by surprise.
    """
    variables = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    if not environment.get("PULUMI_BACKEND_URL") and not (home / "credentials.json").is_file():
        variables["PULUMI_BACKEND_URL"] = f"file://~{engine.NO_ATTRIBUTES}"
    return variables
