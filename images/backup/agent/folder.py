"""A folder of the server: backed up as it is mounted here, which is for reading only."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .manifest import DUMP, Manifest, file_digest
from .process import AgentError, Programs
from .room import refuse_without
from .source import Terms
from .throwaway import Lab

_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A volume of the catalogue, at `path` in this container."""

    folder: str
    path: Path
    terms: Terms

    @property
    def name(self) -> str:
        """`folder/edge-data`."""
        return f"folder/{self.folder}"

    def dump(self, folder: Path) -> Manifest:
        """As an archive, with the digest of each file as it was read; raises `AgentError`.

        Each file is as it was at one moment, and not all of them at the same.
        """
        file = folder / DUMP
        for _ in range(_ATTEMPTS):
            try:
                sizes, digests = _packed(self.path, file)
                break
            except _ShrankError:
                continue
            except OSError as error:
                raise AgentError(f"{self.name} cannot be read: {error}") from error
        else:
            raise AgentError(f"{self.name}: files shrank while they were read, {_ATTEMPTS} times")
        return Manifest(
            source=self.name,
            counts=sizes,
            facts=digests,
            size=file.stat().st_size,
            digest=file_digest(file),
        )

    def differences(self, manifest: Manifest, dump: Path, lab: Lab) -> list[str]:
        """Unpack it, by the program that a restore uses, and read all; raises `AgentError`."""
        place = lab.folder()
        refuse_without(place, manifest.size, f"a copy of {self.name}")
        Programs().run(["tar", "-x", "-o", "-f", str(dump), "-C", str(place)])
        found = {str(p.relative_to(place)): p for p in _below(place) if not _is_folder(p)}
        told = [f"file {name} is missing" for name in manifest.facts if name not in found]
        told += [f"file {name} is not in the manifest" for name in found.keys() - manifest.facts]
        told += [
            f"file {name} is not what it was"
            for name, digest in manifest.facts.items()
            if name in found and _digest(found[name]) != digest
        ]
        return told


class _ShrankError(Exception):
    pass


class _Hashed:
    """A file of which as much is read as it had when it was opened."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        found = self._file.read(min(size, self._left))
        if self._left and not found:
            raise _ShrankError
        self._left -= len(found)
        self._hash.update(found)
        return found


def _packed(root: Path, into: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Sizes and digests of what was put into an archive, by path."""
    sizes: dict[str, int] = {}
    digests: dict[str, str] = {}
    # GNU's format: every tar that might have to unpack it knows its long names.
    with tarfile.open(into, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in _below(root):
            name = str(path.relative_to(root))
            try:
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode):
                    with path.open("rb") as file:
                        info = archive.gettarinfo(arcname=name, fileobj=file)
                        # A second name of a file would be a mere reference to the first.
                        info.type = tarfile.REGTYPE
                        info.size = os.fstat(file.fileno()).st_size
                        content = _Hashed(file, info.size)
                        archive.addfile(info, content)  # pyright: ignore[reportArgumentType]
                        sizes[name], digests[name] = info.size, content.digest
                elif stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
                    archive.addfile(archive.gettarinfo(path, arcname=name))
                    if stat.S_ISLNK(mode):
                        sizes[name], digests[name] = 0, _digest(path)
            except FileNotFoundError:
                continue  # it was removed since it was listed
    return sizes, digests


def _below(root: Path) -> Iterator[Path]:
    """The folder and all that is in it, in an order that stays; raises `OSError`."""

    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    yield root
    for place, folders, files in os.walk(root, onerror=unreadable):
        folders.sort()
        for name in sorted([*folders, *files]):
            yield Path(place) / name


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _digest(path: Path) -> str:
    """Of a file's content, or of where a link points."""
    if path.is_symlink():
        return hashlib.sha256(f"-> {path.readlink()}".encode()).hexdigest()
    return file_digest(path)
