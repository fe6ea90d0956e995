"""Continuous archiving: the log is received without pause, and each segment goes to the bucket."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import NoReturn

from .archive import PACKED, Archive
from .archived import Archived
from .log import say, utc
from .process import AgentError
from .receiver import Cluster, end_of, mislaid, received
from .settings import Settings

FOLDER = "wal-archive"
_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 10.0


def _say(text: str) -> None:
    say(f"archive: {text}")


@dataclass(kw_only=True)
class Archiver:
    """Works for one server, whose system identifier `cluster` is."""

    settings: Settings
    server: Cluster
    cluster: str
    segment_size: int
    say: Callable[[str], None] = _say
    archive: Archive | None = None
    beats: list[tuple[int, datetime]] = field(default_factory=list[tuple[int, datetime]])
    beaten: float = 0
    tried: float = 0

    def __post_init__(self) -> None:
        """Go on where the last one ended, when that was with the same server."""
        for folder in (self.incoming, self.outgoing):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = Archived.read(self.settings.work)
        if known and known.cluster == self.cluster:
            self.state = known
        else:
            self.state = Archived(cluster=self.cluster, since=utc())

    @property
    def incoming(self) -> Path:
        """Where segments are received."""
        return Path(self.settings.work) / FOLDER / self.cluster / "incoming"

    @property
    def outgoing(self) -> Path:
        """Where segments wait that the receiver must not go on from."""
        return self.incoming.with_name("outgoing")

    def work(self) -> None:
        """Receive and send until the receiver ends; raises `AgentError` saying why it did."""
        self.server.free_slot()
        if self.server.slot() in ("", "lost"):
            self._begin()
        with (
            tempfile.TemporaryFile("w+") as log,
            self.server.receiving(self.incoming, log) as receiver,
        ):
            while not _ended(receiver, _LOOK_SECONDS):
                self._beat()
                self._send()
                if self.state.waiting > self._limit:
                    receiver.terminate()
            log.seek(0)
            said = log.read().strip().splitlines()[-1:]
        # From here on the server keeps what comes, until there is room again.
        while self.state.waiting > self._limit // 2:
            self._send()
            time.sleep(_LOOK_SECONDS)
        raise mislaid("".join(said))

    @property
    def _limit(self) -> int:
        return self.settings.archive_limit_mb * 1024 * 1024

    def _begin(self) -> None:
        """Begin anew: no base backup from before goes on across the gap, so one is due."""
        for segment in received(self.incoming):
            file = self.incoming / f"{segment}{PACKED}"
            file.rename(self.outgoing / file.name)
        shutil.rmtree(self.incoming)
        self.incoming.mkdir(mode=0o700)
        # Before as well: a kill in between must not hide the gap that the new slot begins with.
        self._note(replace(self.state, since=utc(), until=None))
        self.server.make_slot()
        self._note(replace(self.state, since=utc(), until=None))
        self.say("the log is kept from now on; a base backup is due")

    def _beat(self) -> None:
        now = time.monotonic()
        if self.beaten and now - self.beaten < self.settings.beat_seconds:
            return
        self.beaten = now
        # Before the mark, so that nothing before this moment is missing when the mark is there.
        moment = utc()
        try:
            self.beats.append((self.server.beat(), moment))
        except AgentError:
            return  # the receiver ends as well, and says why

    def _send(self) -> None:
        """Send what is complete; the bucket may be away for a while."""
        late = [(self.outgoing, one) for one in received(self.outgoing)]
        fresh = received(self.incoming)
        pending = [*late, *((self.incoming, one) for one in fresh if one > self.state.last)]
        waiting = sum((folder / f"{one}{PACKED}").stat().st_size for folder, one in pending)
        if not pending or (self.state.problem and time.monotonic() - self.tried < _PAUSE_SECONDS):
            if waiting != self.state.waiting:
                self._note(replace(self.state, waiting=waiting))
            return
        self.tried = time.monotonic()
        try:
            self._sent(pending)
        except AgentError as error:
            self.archive = None  # made anew, from what its files say then
            if str(error) != self.state.problem:
                self.say(str(error))
            self._note(replace(self.state, waiting=waiting, problem=str(error)))
            return
        if self.state.problem:
            self.say("the bucket takes segments again")
        self._done(fresh)

    def _sent(self, pending: list[tuple[Path, str]]) -> None:
        if self.archive is None:
            archive = Archive(self.settings)
            archive.check_key(self.cluster)
            self.archive = archive
        for folder in (self.outgoing, self.incoming):
            if segments := [one for place, one in pending if place == folder]:
                self.archive.send(self.cluster, folder, segments)

    def _done(self, fresh: list[str]) -> None:
        for segment in received(self.outgoing):
            (self.outgoing / f"{segment}{PACKED}").unlink()
        last = fresh[-1] if fresh else self.state.last
        reached = end_of(last, self.segment_size) if last else 0
        until = max((when for where, when in self.beats if where <= reached), default=None)
        self.beats = [(where, when) for where, when in self.beats if where > reached]
        self._note(
            replace(self.state, last=last, waiting=0, problem="", until=until or self.state.until)
        )
        # The receiver goes on from the last one: it stays.
        for segment in fresh[:-1]:
            (self.incoming / f"{segment}{PACKED}").unlink()

    def _note(self, state: Archived) -> None:
        self.state = state
        state.write(self.settings.work)


def archive(settings: Settings) -> NoReturn:
    """Archive the server's log, for as long as the process lives."""
    server, told = Cluster(settings=settings), ""
    while True:
        try:
            Archiver(
                settings=settings,
                server=server,
                cluster=server.identity(),
                segment_size=server.segment_size(),
            ).work()
        except AgentError as error:
            if str(error) != told:
                _say(told := str(error))
        time.sleep(_PAUSE_SECONDS)


def _ended(process: Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except TimeoutExpired:
        return False
    return True
