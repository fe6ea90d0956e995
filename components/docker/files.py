"""Files on a server: configuration and secrets that containers mount read-only."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.host import Host
from components.values import resolved

ROOT = "/srv/manacore"

# Reads {name: base64} from standard input. Each file is written beside its place and moved over
# it, so a reader sees the old or the new one; the folder itself stays, since mounts hold on to it.
REMOTE_WRITE = """\
import base64, json, os, pathlib, sys
folder, uid, mode = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3], 8)
files = json.load(sys.stdin)
folder.mkdir(parents=True, exist_ok=True)
os.chown(folder, uid, uid)
os.chmod(folder, 0o500 if mode == 0o400 else 0o755)
for name, text in files.items():
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name("." + target.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(base64.b64decode(text))
        os.fchmod(out.fileno(), mode)
        os.fchown(out.fileno(), uid, uid)
    os.replace(fresh, target)
for path in folder.rglob("*"):
    if path.is_file() and str(path.relative_to(folder)) not in files:
        path.unlink()
"""


@dataclass(frozen=True, kw_only=True)
class FilesArgs:
    """What to write where.

    `folder` is relative to `/srv/manacore`. `files` maps relative paths to content. `secret` files
    are readable by `uid` alone and never appear in a command line or in plain state. `then` runs
    after a change, such as a reload.
    """

    host: Host
    folder: str
    files: Mapping[str, pulumi.Input[str]]
    uid: int = 0
    secret: bool = False
    then: str | None = None


class Files(Component):
    """A folder of files on a server."""

    token: ClassVar[str] = "manacore:docker:Files"
    folder: pulumi.Output[str]
    digest: pulumi.Output[str]

    def __init__(self, name: str, args: FilesArgs, opts: pulumi.ResourceOptions | None = None):
        """Write the files through one ssh connection, atomically file by file."""
        super().__init__(name, opts)
        folder = f"{ROOT}/{args.folder}"
        mode = "0400" if args.secret else "0444"
        write = shlex.join(["sudo", "python3", "-c", REMOTE_WRITE, folder, str(args.uid), mode])
        content = resolved(args.files).apply(_bundle)
        written = args.host.run(
            f"{name}-files",
            self,
            create=f"{write} && {args.then}" if args.then else write,
            stdin=pulumi.Output.secret(content) if args.secret else content,
            delete=f"sudo rm -rf -- {shlex.quote(folder)}",
        )
        self.written = written
        self.folder = written.id.apply(lambda _: folder)
        self.digest = pulumi.Output.unsecret(content.apply(_digest))
        self.register()


def digest_of(files: Mapping[str, str]) -> str:
    """The digest of files by their relative paths, as `Files.digest` is."""
    return _digest(_bundle(files))


def _bundle(files: Mapping[str, str]) -> str:
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    return json.dumps(encoded, sort_keys=True)


def _digest(bundle: str) -> str:
    return hashlib.sha256(bundle.encode()).hexdigest()[:16]
