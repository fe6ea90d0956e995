"""The archive in the bucket: the server's write-ahead log, and base backups that it goes on from.

rclone encrypts each object before it leaves. The objects of one server are below
`archive/<system identifier>/`, so that another server never continues the log of the one before.
Nothing here deletes or overwrites: the bucket's life cycle does the former, its lock forbids both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .process import AgentError, Programs
from .settings import Settings

PACKED = ".gz"
_PREFIX = "archive"
_ANOTHER_KEY = "the archive was encrypted with another key"
_NOTHING_THERE = "failed (3)"
_WRONG_KEY = "bad password"
# What it says of an object that is shorter than a block, and of a connection that broke.
_SHORT = "unexpected EOF"
_RCLONE = (
    "rclone", "--retries=2", "--low-level-retries=3", "--contimeout=10s", "--timeout=60s",
    # Names say what a segment is; no other version of it may ever take its place.
    "--size-only", "--immutable",
    # A stream's size is not known before, and S3 takes 10,000 parts of it.
    "--s3-chunk-size=32Mi", "--s3-upload-concurrency=2",
)  # fmt: skip
_CONFIGURATION = """\
[bucket]
type = s3
provider = {provider}
env_auth = true
endpoint = {endpoint}
no_check_bucket = true

[archive]
type = crypt
remote = bucket:{bucket}/{prefix}
filename_encryption = off
directory_name_encryption = false
password = {password}
"""


@dataclass(frozen=True, kw_only=True)
class Base:
    """A copy of a whole server; with the log from segment `first` to `last` it is consistent.

    `started` and `ended` are when it was taken: it can become any moment from `ended` on. `size`
    are the bytes of disk that its databases take.
    """

    cluster: str
    name: str
    started: datetime
    ended: datetime
    first: str
    last: str
    size: int


class Archive:
    """rclone, told who it is by files: no credential is in an argument or a variable."""

    def __init__(self, settings: Settings) -> None:
        """Point it at the bucket of the settings. Raises `AgentError`."""
        self._programs = Programs(
            {
                "AWS_SHARED_CREDENTIALS_FILE": settings.credentials_file,
                "PGPASSFILE": settings.passfile,
            }
        )
        url = urlsplit(settings.repository.removeprefix("s3:"))
        try:
            key = Path(settings.password_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise AgentError(f"the key cannot be read: {error}") from error
        self._configuration = _CONFIGURATION.format(
            provider="Cloudflare" if url.netloc.endswith("cloudflarestorage.com") else "Other",
            endpoint=f"{url.scheme}://{url.netloc}",
            bucket=url.path.strip("/"),
            prefix=_PREFIX,
            # rclone's own spelling of a password; it is no protection.
            password=self._programs.run(["rclone", "obscure", "-"], stdin=key).strip(),
        )

    def clusters(self) -> list[str]:
        """The system identifiers of the servers that have something here; raises `AgentError`."""
        return [name.rstrip("/") for name in self._list("", "--dirs-only")]

    def segments(self, cluster: str) -> dict[str, int]:
        """A server's segments by name, in order, each with its packed bytes.

        Raises `AgentError`.
        """
        lines = self._list(f"{cluster}/wal", "--files-only", "--format=ps", "--separator=|")
        found = (line.split("|") for line in lines)
        return {name.removesuffix(PACKED): int(size) for name, size in found}

    def check_key(self, cluster: str) -> None:
        """Raise `AgentError` when what is here was encrypted with another key."""
        for folder in ("base", "wal"):
            if names := self._list(f"{cluster}/{folder}", "--files-only"):
                self._read("--head=1", f"archive:{cluster}/{folder}/{names[-1]}")
                return

    def send(self, cluster: str, folder: Path, segments: Sequence[str]) -> None:
        """Store segments of a folder; raises `AgentError`, also when another one has that name."""
        self._copy(str(folder), f"archive:{cluster}/wal", segments)

    def fetch(self, cluster: str, folder: Path, segments: Sequence[str]) -> None:
        """Bring segments into a folder; raises `AgentError`."""
        self._copy(f"archive:{cluster}/wal", str(folder), segments)

    def bases(self) -> list[Base]:
        """The base backups of all servers that are whole, the oldest first; raises `AgentError`."""
        found: list[Base] = []
        for cluster in self.clusters():
            lines = self._read("--include=*.json", f"archive:{cluster}/base").splitlines()
            found += [_base(json.loads(line)) for line in lines]
        return sorted(found, key=lambda base: base.ended)

    def take(self, source: Sequence[str], cluster: str, name: str) -> None:
        """Store what a program writes, as it comes; it counts once it is `complete`."""
        with self._configured() as (programs, rclone):
            programs.pipe(source, [*rclone, "rcat", f"archive:{cluster}/base/{name}.tar.gz"])

    def complete(self, base: Base) -> None:
        """Say of a base backup that it is whole; raises `AgentError`."""
        text = json.dumps({k: _plain(v) for k, v in asdict(base).items()}) + "\n"
        self._rclone("rcat", f"archive:{base.cluster}/base/{base.name}.json", stdin=text)

    def unpack(self, base: Base, folder: Path) -> None:
        """Bring a base backup into a folder; raises `AgentError`."""
        with self._configured() as (programs, rclone):
            try:
                programs.pipe(
                    [*rclone, "cat", f"archive:{base.cluster}/base/{base.name}.tar.gz"],
                    ["tar", "-x", "-z", "-C", str(folder), "-f", "-"],
                )
            except AgentError as error:
                raise AgentError(f"the base backup {base.name} is not whole: {error}") from error

    def _copy(self, source: str, target: str, segments: Sequence[str]) -> None:
        names = "".join(f"{name}{PACKED}\n" for name in segments)
        listed = "--files-from-raw=-"
        self._rclone("copy", "--no-traverse", "--transfers=8", listed, source, target, stdin=names)

    def _list(self, folder: str, *how: str) -> list[str]:
        return sorted(self._there("lsf", *how, f"archive:{folder}").splitlines())

    def _read(self, *arguments: str) -> str:
        """What small objects hold; nothing when there are none."""
        try:
            return self._there("cat", *arguments)
        except AgentError as error:
            if _SHORT in str(error):
                raise AgentError(f"{_ANOTHER_KEY}, or the connection broke: {error}") from error
            raise

    def _there(self, *arguments: str) -> str:
        """What rclone says of a folder, nothing when there is none."""
        try:
            return self._rclone(*arguments)
        except AgentError as error:
            if _NOTHING_THERE in str(error):
                return ""
            raise

    def _rclone(self, *arguments: str, stdin: str = "") -> str:
        with self._configured() as (programs, rclone):
            try:
                return programs.run([*rclone, *arguments], stdin=stdin)
            except AgentError as error:
                if _WRONG_KEY in str(error):
                    raise AgentError(f"{_ANOTHER_KEY}: {error}") from error
                raise

    @contextmanager
    def _configured(self) -> Generator[tuple[Programs, list[str]]]:
        """rclone with its configuration in memory, which is gone with the process that reads it."""
        descriptor = os.memfd_create("rclone")
        try:
            os.write(descriptor, self._configuration.encode())
            programs = Programs(self._programs.variables, (descriptor,))
            yield programs, [*_RCLONE, f"--config=/proc/self/fd/{descriptor}"]
        finally:
            os.close(descriptor)


def _base(found: dict[str, Any]) -> Base:
    return replace(
        Base(**found),
        started=datetime.fromisoformat(found["started"]),
        ended=datetime.fromisoformat(found["ended"]),
    )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
