"""Folders on a server that outlive containers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.host import Host


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder with its owner (`uid:gid`)."""

    name: str
    owner: str


@dataclass(frozen=True, kw_only=True)
class FoldersArgs:
    """`root` is the data volume's mount, or a folder of the server's disk where it has none."""

    host: Host
    root: str
    folders: Sequence[Folder]


class Folders(Component):
    """Data folders, made with their owners. They are never deleted: they hold the data."""

    token: ClassVar[str] = "manacore:docker:Folders"
    root: pulumi.Output[str]

    def __init__(self, name: str, args: FoldersArgs, opts: pulumi.ResourceOptions | None = None):
        """Make the folders that are missing."""
        super().__init__(name, opts)
        made = args.host.run(
            f"{name}-make",
            self,
            create=" && ".join(_make(args.root, folder) for folder in args.folders) or "true",
        )
        self.made = made
        self.root = made.id.apply(lambda _: args.root)
        self.register()

    def path(self, folder: str) -> pulumi.Output[str]:
        """The path of a folder, known once it exists."""
        return self.root.apply(lambda root: f"{root}/{folder}")


def _make(root: str, folder: Folder) -> str:
    uid, gid = folder.owner.split(":")
    path = f"{root}/{folder.name}"
    return shlex.join(["sudo", "install", "-d", "-m", "0700", "-o", uid, "-g", gid, path])
