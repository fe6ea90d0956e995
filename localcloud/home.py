"""Where the local cloud keeps its files: one folder outside the tree, in four rooms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "MANACORE_HOME"


@dataclass(frozen=True)
class Home:
    """The folder of the local cloud, `$MANACORE_HOME` or `~/.cache/manacore`.

    `engine` and `images` are caches and survive `make down`; `local` is the state of the local
    cloud that runs now (keys, emulators, Pulumi state, logs) and goes with it. `locks` are those of
    commands, which real clouds need as well.
    """

    root: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Home:
        """The home named by the environment (of this process, unless one is given)."""
        variables = os.environ if environment is None else environment
        given = variables.get(VARIABLE, "").strip()
        root = Path(given).expanduser() if given else Path.home() / ".cache" / "manacore"
        return cls(root.absolute())

    @property
    def engine(self) -> Path:
        """The Pulumi engine, when it is not on PATH: `engine/pulumi`."""
        return self.root / "engine"

    @property
    def images(self) -> Path:
        """Caches of image builds."""
        return self.root / "images"

    @property
    def locks(self) -> Path:
        """The locks by which one command at a time changes a stack from this machine."""
        return self.root / "locks"

    @property
    def local(self) -> Path:
        """State of the running local cloud."""
        return self.root / "local"

    @property
    def keys(self) -> Path:
        """The SSH key pair and the generated credentials."""
        return self.local / "keys"

    @property
    def logs(self) -> Path:
        """Logs of the background processes."""
        return self.local / "logs"

    @property
    def run(self) -> Path:
        """Pid files of the background processes."""
        return self.local / "run"

    @property
    def state(self) -> Path:
        """The engine's state: the file backend of the local cloud."""
        return self.local / "state"

    def stack(self, name: str) -> Path:
        """The configuration of one stack as the local cloud completes it."""
        return self.local / "stacks" / name
