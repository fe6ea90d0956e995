"""A restic repository, in the bucket or as its copy: what is in it, and what leaves it."""

from __future__ import annotations

import email.utils
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from .manifest import DUMP, MANIFEST, Manifest
from .process import AgentError, Programs
from .settings import Settings
from .sftp import restic_options
from .snapshot import DUMP_TAG, OF_TAG, SOURCE_TAG, SUSPECT, Snapshot

_NO_REPOSITORY = "failed (10)"
# A first copy of tens of gigabytes: what is there by then stays there.
_COPY_SECONDS = 6 * 3600.0


class Repository:
    """restic, told by files who it is; it asks the bucket anew for everything it reads."""

    def __init__(self, settings: Settings, address: str) -> None:
        """Point restic at a repository, with the credentials of the settings."""
        self._address = address
        self._password_file = settings.password_file
        self._options = restic_options(settings) if address.startswith("sftp:") else []
        self._programs = Programs(
            {
                "RESTIC_REPOSITORY": address,
                "RESTIC_PASSWORD_FILE": settings.password_file,
                "AWS_SHARED_CREDENTIALS_FILE": settings.credentials_file,
            }
        )

    def ensure(self, like: Repository | None = None) -> None:
        """Make the repository when there is none; raises `AgentError`.

        It cuts data as the one does that it is `like`: what both are given is the same to them.
        """
        try:
            # restic asks a bucket that is missing again and again, for a quarter of an hour. By a
            # lock of a program that was killed it would not get as far as to have it removed.
            self._restic("cat", "--no-lock", "config", seconds=60)
        except AgentError as error:
            if _NO_REPOSITORY not in str(error):
                raise
            more = ["--copy-chunker-params"] if like else []
            self._restic("init", *more, source=like)
        self.unlock()

    def unlock(self) -> None:
        """Remove locks of runs that were killed; those that live are kept. Raises `AgentError`."""
        try:
            self._restic("unlock")
        except AgentError as error:
            if _NO_REPOSITORY not in str(error):
                raise

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
        tag = [f"--tag={SOURCE_TAG}{source}"] if source else []
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
                original=str(one.get("original") or ""),
            )
            for one in told
        ]
        return sorted(found, key=lambda snapshot: snapshot.time)

    def store(
        self, folder: Path, source: str, now: datetime, *, suspect: bool, dump: str = ""
    ) -> Snapshot:
        """Store a folder, with `dump` as the record of that one. Raises `AgentError`."""
        tags = [
            f"{SOURCE_TAG}{source}",
            *([SUSPECT] if suspect else []),
            *([f"{OF_TAG}{dump}"] if dump else []),
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
        told = self._stored(what, [f"{DUMP_TAG}{source}"], now, command=command, programs=programs)
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
        (dump,) = self._dumps([snapshot])
        self._restic("restore", dump, f"--target={folder}")

    def forget(self, snapshots: Sequence[Snapshot]) -> None:
        """Drop snapshots; their data stays until somebody prunes. Raises `AgentError`."""
        if snapshots:
            ids = [one.id for one in snapshots]
            self._restic("forget", *ids, *self._dumps(snapshots))

    def take(self, snapshots: Sequence[Snapshot], source: Repository) -> None:
        """Copy snapshots of another repository, dumps before their records; raises `AgentError`.

        The other one is read without a lock: that of hours would keep others from forgetting there,
        and one who prunes meanwhile can only make it fail.
        """
        if snapshots:
            ordered = sorted(snapshots, key=lambda one: (not one.dump_of, one.time))
            ids = [one.id for one in ordered]
            self._restic("copy", "--no-lock", *ids, source=source, seconds=_COPY_SECONDS)

    def prune(self) -> None:
        """Drop the data that no snapshot needs; raises `AgentError`.

        Only in the copy: in the bucket that needs credentials which no server has.
        """
        self._restic("prune")

    def check(self, subset: str) -> None:
        """Raise `AgentError` unless all is there, and the `subset` of the data is what it was.

        A subset is restic's: `3/10` is the third tenth.
        """
        self._restic("check", f"--read-data-subset={subset}")

    def _dumps(self, snapshots: Sequence[Snapshot]) -> list[str]:
        """The ids here of the dumps that these are the records of.

        A record that was copied names its dump by the id that it had first.
        """
        records = [one for one in snapshots if one.dump]
        copies = self.snapshots() if any(one.original for one in records) else []
        here = {one.origin: one.id for one in copies}
        return [here.get(one.dump, one.dump) for one in records]

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
        source: Repository | None = None,
    ) -> str:
        options = self._options or (source._options if source else [])
        command = ["restic", "--no-cache", "--retry-lock=5m", *options, *arguments]
        more = (programs or Programs()).variables
        if source:
            more = {
                **more,
                "RESTIC_FROM_REPOSITORY": source._address,
                "RESTIC_FROM_PASSWORD_FILE": source._password_file,
            }
        mine = Programs({**more, **self._programs.variables})
        return mine.run(command, stdin=stdin, seconds=seconds)


def _time(text: str) -> datetime:
    """restic's time has nanoseconds, which Python's parser cuts off."""
    return datetime.fromisoformat(text)
