"""Pointers: files on the edge's server, by service: its live slot, and its gate.

Caddy reads a pointer at each request, so a release moves the traffic without a reload of Caddy,
which loses requests (docs/adr/0005-flip-by-pointer.md).
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from components.docker.files import ROOT

FOLDER = f"{ROOT}/edge-slots"
MOUNTED = "/etc/edge-slots"
LIVE = "live"
"""The link in the folder to the set that is read."""
RESOURCE = "slots"
"""The end of the name of the resource that makes them live: `<edge>-slots`."""
# No service has a dot in its name.
_GATE = ".gate"

# Reads {digest, files} from standard input. The set is complete before the link `live` is moved to
# it by one rename, so all services change at once. Killed anywhere, it leaves the old set or the
# new one live, and the next run ends what it began. The last two sets stay: a reader that has
# followed the link finds its file. A set that exists is written again only when somebody has edited
# it: a flip back to what is still there has to work on a full disk.
REMOTE_FLIP = """\
import fcntl, json, os, pathlib, shutil, sys, time
folder, bundle = pathlib.Path(sys.argv[1]), json.load(sys.stdin)
digest, files = bundle["digest"], bundle["files"]
lock = os.open(folder, os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
sets, fresh, live = folder / "sets", folder / ".fresh", folder / "live"
chosen = sets / digest
sets.mkdir(exist_ok=True)
sets.chmod(0o755)
shutil.rmtree(fresh, ignore_errors=True)
there = {file.name: file.read_bytes() for file in chosen.iterdir()} if chosen.is_dir() else None
if there != {name: text.encode() for name, text in files.items()}:
    fresh.mkdir()
    for name, text in files.items():
        with open(fresh / name, "wb") as out:
            out.write(text.encode())
            out.flush()
            os.fchmod(out.fileno(), 0o444)
            os.fsync(out.fileno())
    fresh.chmod(0o755)
    if chosen.is_dir():
        for file in fresh.iterdir():
            os.replace(file, chosen / file.name)
        for file in chosen.iterdir():
            if file.name not in files:
                file.unlink()
        fresh.rmdir()
    else:
        os.rename(fresh, chosen)
os.utime(chosen, ns=(time.time_ns(), time.time_ns()))
target = pathlib.Path("sets", digest)
if not live.is_symlink() or live.readlink() != target:
    link = folder / ".live"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    os.replace(link, live)
os.fsync(lock)
earlier = [place for place in sets.iterdir() if place != chosen]
for place in sorted(earlier, key=lambda place: place.stat().st_mtime_ns)[:-2]:
    os.rename(place, fresh)
    shutil.rmtree(fresh)
"""


@dataclass(frozen=True, kw_only=True)
class Pointers:
    """What is live: the address (`<container>:<port>`) of each service with slots.

    `gates` are the texts of their gates (`Gate.text`); one that is not named is open.
    """

    dials: Mapping[str, str]
    gates: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def files(self) -> dict[str, str]:
        """The files by name. A gate that is open has one too: Caddy logs what it cannot read."""
        gates = {f"{name}{_GATE}": self.gates.get(name, "") for name in self.dials}
        return {**self.dials, **gates}

    @property
    def digest(self) -> str:
        """The name of the set: the same files have the same."""
        return hashlib.sha256(_text(self.files).encode()).hexdigest()[:16]

    @property
    def bundle(self) -> str:
        """What the remote script reads."""
        return _text({"digest": self.digest, "files": self.files})


def placeholder(service: str) -> str:
    """Caddy's placeholder of a service's live address, resolved at each request."""
    return f"{{file.{MOUNTED}/{LIVE}/{service}}}"


def gate(service: str) -> str:
    """Caddy's placeholder of what stands before the service's live slot."""
    return placeholder(f"{service}{_GATE}")


def flip() -> str:
    """The remote text that makes the bundle at its standard input live. The folder must exist."""
    return shlex.join(["sudo", "python3", "-c", REMOTE_FLIP, FOLDER])


def _text(data: Mapping[str, object]) -> str:
    return json.dumps(data, sort_keys=True)
