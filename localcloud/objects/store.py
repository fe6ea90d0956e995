"""The objects of the local cloud: versitygw, an S3 server on a folder, at the servers' gateway.

A bucket is a folder in `folder`, which the Cloudflare emulator makes and removes as R2's buckets
are. Locks and life cycles are the emulator's: here nothing is locked, and nothing expires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.home import Home
from localcloud.images.sources import Sources
from localcloud.machines.outer import PUBLIC_GATEWAY

VERSITYGW: Final = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
PORT: Final = 7070
ENDPOINT: Final = f"http://{PUBLIC_GATEWAY}:{PORT}"
# What the program calls the credentials: a user's real ones have the same names.
KEY_ID: Final = "BACKUP_S3_KEY_ID"
SECRET: Final = "BACKUP_S3_SECRET"  # noqa: S105 - a secret's name


@dataclass(frozen=True)
class ObjectStore:
    """How the S3 server runs. Servers and their containers reach it; other machines do not."""

    home: Home
    host: str = PUBLIC_GATEWAY
    port: int = PORT

    @property
    def folder(self) -> Path:
        """Where the buckets are; it goes with the local cloud."""
        return buckets(self.home)

    def program(self) -> Path:
        """The server's program, built when it is not there."""
        return Sources(self.home.images / "sources").go(VERSITYGW)

    def command(self) -> list[str]:
        """The command that runs it."""
        facts = self.folder.with_name("object-facts")
        for folder in (self.folder, facts):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [
            str(self.program()), "--port", f"{self.host}:{self.port}",
            # Beside the buckets, not in extended attributes, which some file systems lack. Without
            # any it cannot put together an object that comes in parts.
            "posix", "--sidecar", str(facts), str(self.folder),
        ]  # fmt: skip

    @staticmethod
    def variables(secrets: Mapping[str, str]) -> dict[str, str]:
        """Whom it knows: never in its arguments, which everybody on the machine can read."""
        return {"ROOT_ACCESS_KEY": secrets[KEY_ID], "ROOT_SECRET_KEY": secrets[SECRET]}


def buckets(home: Home) -> Path:
    """The folder of the buckets."""
    return home.local / "objects"
