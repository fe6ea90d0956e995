"""A full disk of a server, said as one: where, how full, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.failures import OpsError
from ops.release.server import Server

# What the kernel says, in every program's own spelling.
_SAID = "no space left on device"
# Of what is left: less is told, however large the disk is.
_SCARCE = 0.01


@dataclass(frozen=True, kw_only=True)
class FileSystem:
    """A file system where it is mounted; sizes in bytes. Some count no inodes: 0 of 0."""

    place: str
    size: int
    free: int
    inodes: int
    free_inodes: int

    @property
    def left(self) -> float:
        """The share that is left, of space or of inodes, whichever is less."""
        return min(_share(self.free, self.size), _share(self.free_inodes, self.inodes))

    def __str__(self) -> str:
        """Its figures."""
        space = f"{_size(self.free)} of {_size(self.size)} free in {self.place}"
        if _share(self.free_inodes, self.inodes) > _SCARCE:
            return space
        return f"{space}, {self.free_inodes} of {self.inodes} inodes (files)"


def is_full(error: OpsError) -> bool:
    """Whether a failure came of a full disk."""
    return _SAID in str(error).lower()


def explained(error: OpsError, servers: Iterable[Server], stack: str) -> OpsError:
    """The failure with the servers' figures and the remedy before what was said."""
    figures = [line for server in servers for line in _figures(server)]
    remedy = (
        f"Make room: ./manacore retire --stack {stack} --disk 5 removes old slots and images; "
        "`docker system df` and `sudo du -xhd2 /` on the server say what takes it. Then try again."
    )
    return OpsError(
        f"{error.message} A disk is full.",
        [*figures, remedy, *error.details],
        error.log,
        error.exit_code,
    )


def scarce(told: str) -> Sequence[FileSystem]:
    """What is full of the file systems that `df` told; when nothing is any more, the fullest.

    A disk that is mounted at several places is told once, with the shortest.
    """
    found: dict[tuple[int, ...], FileSystem] = {}
    for line in told.splitlines()[1:]:
        *numbers, place = line.split(maxsplit=4)
        size, free, inodes, free_inodes = (int(n) if n.isdigit() else 0 for n in numbers)
        one = FileSystem(place=place, size=size, free=free, inodes=inodes, free_inodes=free_inodes)
        other = found.setdefault((size, free, inodes, free_inodes), one)
        if size and len(place) < len(other.place):
            found[size, free, inodes, free_inodes] = one
    ordered = sorted((one for one in found.values() if one.size), key=lambda one: one.left)
    return [one for one in ordered if one.left < _SCARCE] or ordered[:1]


def _figures(server: Server) -> list[str]:
    try:
        return [f"{server.name}: {one}" for one in scarce(server.disks())]
    except OpsError as error:
        return [f"{server.name}: its disks are not known: {error.message}"]


def _share(free: int, size: int) -> float:
    return free / size if size else 1


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
