"""What is lost in a drill, and the commands that bring it back: those of the runbook."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from ops.restore import ALL

Command = tuple[str, ...]


class Variant(StrEnum):
    """What is lost."""

    SERVER = "server"
    """The server; its volume stays."""
    VOLUME = "volume"
    """The server and its volume."""
    STATE = "state"
    """The engine's state; all else stays."""
    EVERYTHING = "everything"
    """All at every vendor and the state. The bucket, git and the passphrase stay."""

    @property
    def loses_data(self) -> bool:
        """Whether databases have to come from their archive, all else from backups."""
        return self in (Variant.VOLUME, Variant.EVERYTHING)

    @property
    def loses_state(self) -> bool:
        """Whether the state has to come from the bucket."""
        return self in (Variant.STATE, Variant.EVERYTHING)


def commands(variant: Variant, backups: Mapping[str, str], lost: str) -> list[Command]:
    """The commands of `./manacore`, in order; `docs/runbooks/rebuild.md` has the same.

    `backups` are snapshots by what each is of, but for databases, which come from the archive as
    they were at `lost`, the time of the loss. Both are named, so that what is still empty, which
    the agent may back up and archive meanwhile, is never what is restored.
    """
    found: list[Command] = []
    if variant.loses_state:
        clouds = ["--clouds-lost"] if variant is Variant.EVERYTHING else []
        found.append(("state", "restore", *clouds))
    found.append(("up",))
    if variant.loses_data:
        found += [
            ("restore", source, "--snapshot", snapshot, "--yes", "--no-backup")
            for source, snapshot in sorted(backups.items())
        ]
        found.append(("restore", ALL, "--to", lost, "--yes", "--no-backup"))
    return found
