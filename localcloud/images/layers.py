"""Layers: deterministic archives in a cache, each found again by the key of what went into it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import posixpath
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from localcloud.images.model import ImageError, Layer

# Debian keeps these as links into /usr. A layer that wrote `bin/x` below a directory `bin`
# would put that directory in the link's place, and nothing would start any more.
MERGED = ("bin", "sbin", "lib", "lib64")

# Files of a package that no container needs.
UNNEEDED = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/bash-completion/",
    "usr/lib/systemd/",
    "usr/lib/x86_64-linux-gnu/gconv/",
    "etc/init.d/",
    "etc/cron.daily/",
    "etc/logrotate.d/",
)


class LayerWriter:
    """Writes one layer. Paths are absolute or relative to the root; parents are made as needed."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        """Write into an open archive."""
        self._archive = archive
        self._written: set[str] = set()

    def directory(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """A directory."""
        self._add(self._info(path, tarfile.DIRTYPE, mode, owner))

    def file(
        self,
        path: str,
        content: bytes | str | Path,
        *,
        mode: int = 0o644,
        owner: tuple[int, int] = (0, 0),
        capabilities: str = "",
    ) -> None:
        """A file. `capabilities` is the raw value of the attribute `security.capability`."""
        info = self._info(path, tarfile.REGTYPE, mode, owner)
        if capabilities:
            info.pax_headers = {"SCHILY.xattr.security.capability": capabilities}
        if isinstance(content, Path):
            info.size = content.stat().st_size
            with content.open("rb") as source:
                self._add(info, source)
            return
        data = content.encode() if isinstance(content, str) else content
        info.size = len(data)
        self._add(info, io.BytesIO(data))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        info = self._info(path, tarfile.SYMTYPE, 0o777, (0, 0))
        info.linkname = target
        self._add(info)

    def tree(self, source: Path, destination: str) -> None:
        """A folder with all that is in it, owned by root; modes and links are kept."""
        for entry in sorted(source.rglob("*")):
            path = posixpath.join(destination, entry.relative_to(source).as_posix())
            if entry.is_symlink():
                self.link(path, os.readlink(entry))  # noqa: PTH115 - the text, not a Path
            elif entry.is_dir():
                self.directory(path)
            else:
                self.file(path, entry, mode=0o755 if os.access(entry, os.X_OK) else 0o644)

    def package(
        self, deb: Path, *, rename: Callable[[str], str | None] = lambda path: path
    ) -> None:
        """The files of a Debian package, without running its scripts.

        `rename` gives each path its place, or None to leave it out.
        """
        packed = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for member in archive:
                path = self._normal(member.name)
                if path.startswith(UNNEEDED) or (member.isdir() and path in MERGED):
                    continue
                place = rename(path)
                if place is not None:
                    self._copy(archive, member, place)

    def _copy(self, archive: tarfile.TarFile, member: tarfile.TarInfo, place: str) -> None:
        if member.isdir():
            self.directory(place, mode=member.mode)
        elif member.issym():
            self.link(place, member.linkname)
        elif member.isfile() or member.islnk():
            content = archive.extractfile(member)
            self.file(place, content.read() if content else b"", mode=member.mode)

    @staticmethod
    def _normal(path: str) -> str:
        clean = posixpath.normpath("/" + path).lstrip("/")
        first, _, rest = clean.partition("/")
        return f"usr/{clean}" if first in MERGED and rest else clean

    def _info(self, path: str, kind: bytes, mode: int, owner: tuple[int, int]) -> tarfile.TarInfo:
        info = tarfile.TarInfo(self._normal(path))
        info.type = kind
        info.mode = mode
        info.uid, info.gid = owner
        return info

    def _add(self, info: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        if info.name in self._written or not info.name:
            return
        parent = posixpath.dirname(info.name)
        if parent and parent not in self._written:
            self.directory(parent, mode=0o1777 if parent == "tmp" else 0o755)
        self._written.add(info.name)
        self._archive.addfile(info, content)


class _Hashing(io.RawIOBase):
    """Passes bytes on and hashes them on the way."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self.hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        chunk = cast(bytes, data)
        self.hash.update(chunk)
        self.size += len(chunk)
        return self._sink.write(chunk)


@dataclass(frozen=True)
class LayerStore:
    """The cache of layers below one folder: `blobs/<sha256>` and `layers/<key>.json`."""

    root: Path

    def layer(self, key: str, fill: Callable[[LayerWriter], None]) -> Layer:
        """The layer of this key; made by `fill` when the cache lacks it."""
        index = self.root / "layers" / f"{key}.json"
        known = self._known(index)
        if known is not None:
            return known
        blobs = self.root / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        index.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=blobs, prefix=".new-", delete=False) as file:
            unfinished = Path(file.name)
            try:
                layer = self._write(file, fill, blobs)
                file.flush()
                unfinished.replace(layer.path)
            finally:
                unfinished.unlink(missing_ok=True)
        record = {"digest": layer.digest, "diff_id": layer.diff_id, "size": layer.size}
        # Renamed into place, so that a run that is killed here leaves no half-written record.
        draft = index.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(record))
        draft.replace(index)
        return layer

    def _write(self, file: IO[bytes], fill: Callable[[LayerWriter], None], blobs: Path) -> Layer:
        packed = _Hashing(file)
        # Level 1: half the size for a fifth of the time, and it only crosses this machine.
        with gzip.GzipFile("", "wb", 1, cast(IO[bytes], packed), mtime=0) as compressed:
            plain = _Hashing(cast(IO[bytes], compressed))
            with tarfile.open(
                fileobj=cast(IO[bytes], plain), mode="w|", format=tarfile.PAX_FORMAT
            ) as archive:
                fill(LayerWriter(archive))
        digest = packed.hash.hexdigest()
        return Layer(
            digest=f"sha256:{digest}",
            diff_id=f"sha256:{plain.hash.hexdigest()}",
            size=packed.size,
            path=blobs / digest,
        )

    def _known(self, index: Path) -> Layer | None:
        try:
            record = cast("dict[str, str | int]", json.loads(index.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        digest = str(record["digest"])
        path = self.root / "blobs" / digest.removeprefix("sha256:")
        size = int(record["size"])
        if not path.exists() or path.stat().st_size != size:
            return None
        return Layer(digest=digest, diff_id=str(record["diff_id"]), size=size, path=path)


def key_of(*parts: str | bytes | Path) -> str:
    """A key of all that goes into a layer: texts, and the content of files and folders."""
    total = hashlib.sha256()
    for part in parts:
        for chunk in _chunks(part):
            total.update(len(chunk).to_bytes(8, "big"))
            total.update(chunk)
    return total.hexdigest()[:32]


def _chunks(part: str | bytes | Path) -> Iterable[bytes]:
    if isinstance(part, bytes):
        yield part
    elif isinstance(part, str):
        yield part.encode()
    elif part.is_dir():
        for file in sorted(p for p in part.rglob("*") if p.is_file()):
            if "node_modules" not in file.parts and "__pycache__" not in file.parts:
                yield file.relative_to(part).as_posix().encode()
                yield file.read_bytes()
    elif part.is_file():
        yield part.read_bytes()
    else:
        raise ImageError(f"{part} is missing: clone the repository again")
