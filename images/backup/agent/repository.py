"""The restic repository in the bucket: what is in it, and what may leave it."""

from __future__ import annotations

import email.utils
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from .manifest import DUMP, MANIFEST, Manifest
from .process import AgentError, Programs
from .settings import Settings

SUSPECT = "suspect"
_KEPT_WHATEVER_AGE = 7
_NO_REPOSITORY = "failed (10)"
_TAG = "source:"
# A dump that was stored as it came, and the tag by which its record names it.
_DUMP = "dump:"
_OF = "of:"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A backup of one source: dump and manifest, or the manifest, as the record `of` a dump."""

    id: str
    time: datetime
    tags: tuple[str, ...]
    path: str = ""

    @property
    def suspect(self) -> bool:
        """Whether it had much less than the one before it."""
        return SUSPECT in self.tags

    @property
    def source(self) -> str:
        """The name of the source that it is of."""
        return self._tagged(_TAG)

    @property
    def dump_of(self) -> str:
        """The name of the source whose mere dump it is; it counts once there is a record of it."""
        return self._tagged(_DUMP)

    @property
    def dump(self) -> str:
        """The id of the dump that it is the record of; empty when it has it itself."""
        return self._tagged(_OF)

    def _tagged(self, kind: str) -> str:
        tagged = (tag.removeprefix(kind) for tag in self.tags if tag.startswith(kind))
        return next(tagged, "")


class Repository:
    """restic, told by files who it is; it asks the bucket anew for everything it reads."""

    def __init__(self, settings: Settings, address: str) -> None:
        """Point restic at a repository, with the credentials of the settings."""
        self._address = address
        self._programs = Programs(
            {
                "RESTIC_REPOSITORY": address,
                "RESTIC_PASSWORD_FILE": settings.password_file,
                "AWS_SHARED_CREDENTIALS_FILE": settings.credentials_file,
            }
        )

    def ensure(self) -> None:
        """Make the repository when there is none; raises `AgentError`."""
        try:
            # restic asks a bucket that is missing again and again, for a quarter of an hour.
            self._restic("cat", "config", seconds=60)
        except AgentError as error:
            if _NO_REPOSITORY not in str(error):
                raise
            self._restic("init")
        # Locks of runs that were killed; those that live are kept.
        self._restic("unlock")

    def skew(self, now: datetime) -> float:
        """Seconds between this clock and the bucket's; raises `AgentError`."""
        url = urlsplit(self._address.removeprefix("s3:"))
        request = urllib.request.Request(f"{url.scheme}://{url.netloc}/", method="HEAD")  # noqa: S310 - the team's own endpoint
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                told = answer.headers["Date"]
        except urllib.error.HTTPError as error:
            told = error.headers["Date"]  # refused without credentials, and dated all the same
        except OSError as error:
            raise AgentError(f"the bucket cannot be reached: {error}") from error
        if not told:
            raise AgentError("the bucket's server tells no time")
        return abs((now - email.utils.parsedate_to_datetime(told)).total_seconds())

    def snapshots(self, source: str = "") -> list[Snapshot]:
        """Snapshots, the oldest first, none where nothing was ever stored; raises `AgentError`.

        Those of one source, or all that are in the repository.
        """
        tag = [f"--tag={_TAG}{source}"] if source else []
        try:
            answer = self._restic("snapshots", "--json", *tag)
        except AgentError as error:
            if _NO_REPOSITORY in str(error):
                return []
            raise
        told = cast("list[dict[str, Any]]", json.loads(answer))
        found = [
            Snapshot(
                id=str(one["id"]),
                time=_time(str(one["time"])),
                tags=tuple(one.get("tags") or ()),
                path=str(one["paths"][0]),
            )
            for one in told
        ]
        return sorted(found, key=lambda snapshot: snapshot.time)

    def store(
        self, folder: Path, source: str, now: datetime, *, suspect: bool, dump: str = ""
    ) -> Snapshot:
        """Store a folder, with `dump` as the record of that one. Raises `AgentError`."""
        tags = [
            f"{_TAG}{source}",
            *([SUSPECT] if suspect else []),
            *([f"{_OF}{dump}"] if dump else []),
        ]
        told = self._stored([str(folder)], tags, now)
        return Snapshot(id=str(told["snapshot_id"]), time=now, tags=tuple(tags), path=str(folder))

    def store_output(
        self, command: Sequence[str], programs: Programs, source: str, now: datetime
    ) -> tuple[str, int]:
        """Store what a program writes as it comes: the snapshot's id, and how many bytes it has.

        Nothing is stored when the program fails. Raises `AgentError`.
        """
        what = ["--stdin-from-command", f"--stdin-filename={DUMP}"]
        told = self._stored(what, [f"{_DUMP}{source}"], now, command=command, programs=programs)
        return str(told["snapshot_id"]), int(told["total_bytes_processed"])

    def store_text(self, name: str, text: str, tags: Sequence[str], now: datetime) -> str:
        """Store a text as a file of this name, which is never on a disk here; as `store`."""
        command = ["--stdin", f"--stdin-filename={name}"]
        try:
            return str(self._stored(command, tags, now, stdin=text)["snapshot_id"])
        except AgentError as error:
            if _NO_REPOSITORY not in str(error):
                raise
        self.ensure()
        return str(self._stored(command, tags, now, stdin=text)["snapshot_id"])

    def manifest(self, snapshot: Snapshot) -> Manifest:
        """The manifest of a snapshot; raises `AgentError`."""
        return Manifest.read(self._restic("dump", snapshot.id, f"{snapshot.path}/{MANIFEST}"))

    def fetch(self, snapshot: Snapshot, folder: Path) -> None:
        """Bring what a snapshot holds into a folder; raises `AgentError`.

        Its `dump` is not in there when that was stored as it came.
        """
        self._restic("restore", f"{snapshot.id}:{snapshot.path}", f"--target={folder}")

    def fetch_dump(self, snapshot: Snapshot, folder: Path) -> None:
        """Bring a dump that was stored as it came; raises `AgentError`."""
        self._restic("restore", snapshot.dump, f"--target={folder}")

    def forget(self, snapshots: Sequence[Snapshot]) -> None:
        """Drop snapshots. Their data stays: pruning needs credentials that no server has."""
        if snapshots:
            dumps = [snapshot.dump for snapshot in snapshots if snapshot.dump]
            self._restic("forget", *(snapshot.id for snapshot in snapshots), *dumps)

    def _stored(
        self,
        what: Sequence[str],
        tags: Sequence[str],
        now: datetime,
        stdin: str = "",
        command: Sequence[str] = (),
        programs: Programs | None = None,
    ) -> dict[str, Any]:
        marks = [part for tag in tags for part in ("--tag", tag)]
        time = now.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        told = self._restic(
            "backup", "--json", "--quiet", "--host=backup", f"--time={time}", *marks, *what,
            *(["--", *command] if command else []), stdin=stdin, programs=programs,
        )  # fmt: skip
        return cast("dict[str, Any]", json.loads(told.splitlines()[-1]))

    def _restic(
        self,
        *arguments: str,
        stdin: str = "",
        seconds: float = 7200,
        programs: Programs | None = None,
    ) -> str:
        command = ["restic", "--no-cache", "--retry-lock=5m", *arguments]
        more = programs or Programs()
        mine = Programs({**more.variables, **self._programs.variables})
        return mine.run(command, stdin=stdin, seconds=seconds)


def expired(snapshots: Sequence[Snapshot], keep_days: int) -> list[Snapshot]:
    """What retention lets go, oldest first: nothing at all while the latest is suspect.

    Ages are counted from the latest snapshot, not from a clock that may be wrong, and the last
    good ones are kept however old they are.
    """
    if not snapshots or snapshots[-1].suspect:
        return []
    limit = snapshots[-1].time - timedelta(days=keep_days)
    good = [snapshot for snapshot in snapshots if not snapshot.suspect]
    kept = {snapshot.id for snapshot in good[-_KEPT_WHATEVER_AGE:]}
    return [s for s in snapshots if s.time < limit and s.id not in kept]


def left_alone(found: Sequence[Snapshot], source: str, before: datetime) -> list[Snapshot]:
    """Dumps of a source that no record names, as their backup was ended, and that are old."""
    named = {one.dump for one in found}
    return [
        one for one in found if one.dump_of == source and one.id not in named and one.time < before
    ]


def _time(text: str) -> datetime:
    """restic's time has nanoseconds, which Python's parser cuts off."""
    return datetime.fromisoformat(text)
