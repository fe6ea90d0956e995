"""The agent as a service: it keeps the schedule, and says over HTTP how things are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

from . import archive_proof, log, metrics, tasks
from .alone import BusyError, alone
from .archived import Archived
from .backup import sweep
from .closed import NOTE, reopen
from .companion import kept_running
from .journal import Attempt, Journal
from .process import AgentError, end_when_asked, in_words
from .schedule import Slot
from .second_copy import pairs
from .settings import Settings
from .sources import databases_server, sources

# Often enough that a clock that was set is noticed; what is due does not wait to the second.
_LOOK_SECONDS = 30.0
_SILENCE_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is done at a time; `act` returns what it found wrong."""

    verb: str
    slot: Slot
    last: Callable[[Journal], Attempt | None]
    act: Callable[[datetime], Sequence[str]]


@dataclass(kw_only=True)
class Scheduler:
    """Does what is due, one after the other. The times of `clock` are UTC."""

    settings: Settings
    jobs: Sequence[Job]
    clock: Callable[[], datetime] = log.utc
    monotonic: Callable[[], float] = time.monotonic
    say: Callable[[str], None] = log.say
    working: str = ""
    looked: float = field(init=False)

    def __post_init__(self) -> None:
        """Remember when the agent ran first: what was due before then is not missed."""
        self.looked = self.monotonic()
        Journal.read(self.settings.work, self.clock()).write(self.settings.work)

    def due(self) -> dict[str, datetime]:
        """When each job is done next; raises `AgentError`."""
        now = self.clock()
        journal = Journal.read(self.settings.work, now)
        return {job.verb: job.slot.due(now, job.last(journal), journal.since) for job in self.jobs}

    def step(self) -> float:
        """Do the first job that is due; returns the seconds until there may be another."""
        self.looked = self.monotonic()
        due = self.due()
        for job in self.jobs:
            now = self.clock()
            if due[job.verb] <= now:
                return 0.0 if self._act(job, now) else _LOOK_SECONDS
        soonest = min(due.values()) - self.clock()
        return min(max(soonest.total_seconds(), 0.0), _LOOK_SECONDS)

    def healthy(self) -> bool:
        """Whether it works, or has looked at the time lately."""
        return bool(self.working) or self.monotonic() - self.looked < _SILENCE_SECONDS

    def _act(self, job: Job, now: datetime) -> bool:
        """Whether it could begin: a person's command may be under way."""
        self.working = job.verb
        begun = self.monotonic()
        try:
            problems = list(job.act(now))
        except BusyError:
            return False
        except Exception as error:
            # Whatever it is: the next job, the archive and the metrics go on.
            problems = [in_words(error)]
        finally:
            self.working = ""
            self.looked = self.monotonic()
        outcome = "; ".join(problems) or "all is well"
        self.say(f"{job.verb}: {outcome} ({self.looked - begun:.0f} s)")
        return True


def jobs(settings: Settings) -> list[Job]:
    """The backup before its copy and the proof, which are of what is the latest then."""

    def run(now: datetime) -> list[str]:
        results = tasks.run(settings, now)
        return [f"{one.source}: {one.problem}" for one in results if one.problem]

    def verify(now: datetime) -> list[str]:
        proofs = tasks.prove(settings, now)
        return [f"{one.source}: {', '.join(one.problems)}" for one in proofs if one.problems]

    def base(now: datetime) -> list[str]:
        tasks.base(settings, now)
        return []

    def copy(now: datetime) -> list[str]:
        return [f"{one.copy}: {one.problem}" for one in tasks.copy(settings, now) if one.problem]

    def last_base(journal: Journal) -> Attempt | None:
        archived = Archived.read(settings.work)
        if archived is None or (journal.base and journal.base.started >= archived.since):
            return journal.base
        # None that the log continues: it is due at once.
        long_ago = archived.since - timedelta(days=2)
        return Attempt(started=long_ago, ended=long_ago, done=False)

    archiving = Job(verb="base", slot=Slot.read(settings.base_at), last=last_base, act=base)
    copying = Job(verb="copy", slot=Slot.read(settings.copy_at), last=lambda j: j.copy, act=copy)
    return [
        *([archiving] if settings.archive_user else []),
        Job(verb="run", slot=Slot.read(settings.run_at), last=lambda j: j.run, act=run),
        *([copying] if settings.copy_to else []),
        Job(verb="verify", slot=Slot.read(settings.verify_at), last=lambda j: j.verify, act=verify),
    ]


def answer(scheduler: Scheduler, path: str) -> tuple[int, str, str]:
    """Status, content type and body of an answer to GET."""
    try:
        match path.partition("?")[0]:
            case "/health":
                well = scheduler.healthy()
                told = scheduler.working or "waiting"
                return (200, "text/plain", told) if well else (503, "text/plain", "stuck")
            case "/metrics":
                settings = scheduler.settings
                journal = Journal.read(settings.work, scheduler.clock())
                names = [source.name for source in sources(settings)]
                names += [archive_proof.NAME] if settings.archive_user else []
                names += [pair.name for pair in pairs(settings)] if settings.copy_to else []
                text = metrics.render(journal, names, scheduler.due())
                text += metrics.archive(journal, Archived.read(settings.work))
                text += metrics.copy(journal) if settings.copy_to else ""
                return 200, metrics.CONTENT_TYPE, text
            case _:
                return 404, "text/plain", "/health or /metrics"
    except AgentError as error:
        return 500, "text/plain", str(error)


def server(scheduler: Scheduler, address: tuple[str, int]) -> ThreadingHTTPServer:
    """What answers over HTTP; it has to be told to serve."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            status, kind, text = answer(scheduler, self.path)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library
            """A probe every few seconds is nothing to keep."""

    return ThreadingHTTPServer(address, Handler)


def serve(settings: Settings, archiver: Sequence[str]) -> NoReturn:
    """Keep the schedule until SIGTERM, which also ends a backup that is under way.

    `archiver` is the command that archives meanwhile: a process of its own, as a backup of hours
    must not hold it up.
    """
    end_when_asked()
    with alone(settings.work, "the start"):
        sweep(settings)
    scheduler = Scheduler(settings=settings, jobs=jobs(settings))
    # All addresses: which ones the container has is for its networks to say. No port is published.
    http = server(scheduler, ("", settings.serve_port))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    for verb, moment in scheduler.due().items():
        log.say(f"{verb}: next at {moment:%Y-%m-%d %H:%M} UTC")
    stop = threading.Event()
    with kept_running(archiver if settings.archive_user else ()):
        while True:
            _open_left(settings)
            stop.wait(scheduler.step())


def _open_left(settings: Settings) -> None:
    """Open the databases that a restore which was killed has left closed."""
    if not (Path(settings.work) / NOTE).exists():
        return
    try:
        with alone(settings.work, "the opening"):
            left = reopen(databases_server(settings), Path(settings.work))
    except BusyError:
        return  # the restore is under way
    except AgentError as error:
        log.say(f"databases that a restore closed cannot be opened: {error}")
        return
    log.say(f"{', '.join(left)}: open again, after a restore that was killed")
