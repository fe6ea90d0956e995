"""The Storage Box of the local cloud: rclone, an SFTP server on a folder, at the servers' gateway.

It takes the second copy of the backups of a stack whose configuration asks for one. What differs
from Hetzner's: no sub-accounts, so all stacks have one key, and a folder each.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.credentials import Credentials
from localcloud.home import Home
from localcloud.images.sources import Sources, extract
from localcloud.machines.outer import PUBLIC_GATEWAY

PORT: Final = 7023
# The agent's image has the same.
_SUITE, _PACKAGE = "trixie", "rclone"


@dataclass(frozen=True)
class StorageBox:
    """How the SFTP server runs. Servers and their containers reach it; other machines do not."""

    home: Home
    credentials: Credentials
    host: str = PUBLIC_GATEWAY
    port: int = PORT

    @property
    def folder(self) -> Path:
        """What its users see; it goes with the local cloud."""
        return self.home.local / "box"

    def address(self, stack: str) -> str:
        """The folder of a stack's copy, as the configuration has it."""
        return f"sftp://box@{self.host}:{self.port}/{stack}"

    @property
    def host_key(self) -> str:
        """Its public key, as the configuration has it."""
        return self.credentials.public(self.credentials.box_key)

    def program(self) -> Path:
        """The server's program, unpacked when it is not there."""
        place = self.home.local / "box-program"
        if not place.exists():
            package = Sources(self.home.images / "sources").debian(_SUITE, [_PACKAGE])[_PACKAGE]
            draft = place.with_suffix(".new")
            shutil.rmtree(draft, ignore_errors=True)
            extract(package, draft)
            draft.rename(place)
        return place / "usr/bin" / _PACKAGE

    def command(self) -> list[str]:
        """The command that runs it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [
            str(self.program()), "serve", "sftp", str(self.folder),
            "--addr", f"{self.host}:{self.port}",
            "--key", str(self.credentials.box_key),
            "--authorized-keys", str(self.credentials.copy_key.with_suffix(".pub")),
            # Else it serves for some minutes what a folder had when it was last asked.
            "--dir-cache-time", "0s",
            # The user's own settings stay out of it.
            "--config", "",
        ]  # fmt: skip
