"""The whole server as it was at a moment: a base backup, and the log after it."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .archive import PACKED, Archive, Base
from .postgres import Postgres
from .process import AgentError, Programs
from .receiver import Cluster
from .room import refuse_without
from .settings import Settings
from .throwaway import serving

_SECONDS = 6 * 3600
_TOO_EARLY = "recovery ended before configured recovery target was reached"
_LAST = re.compile(r"last completed transaction was at log time (.+)")


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """A server that only this process reaches; `last` is when its last transaction ended.

    It is of the base backup `base`, and of the log after that.
    """

    postgres: Postgres
    last: str
    base: Base


@contextmanager
def recovered(settings: Settings, folder: Path, moment: datetime | None) -> Generator[Recovered]:
    """Run the server as it was at `moment`, or at the end of the archive when that is None.

    Every transaction that ended until then is there, and none that ended later. Of a server that is
    no more, a moment after the end of its archive is that end: whoever lost it need not know when.
    Raises `AgentError` when the archive does not reach so far, in either direction.
    """
    archive = Archive(settings)
    bases = archive.bases()
    base, segments = chosen(archive, bases, moment)
    data, wal = folder / "data", folder / "wal"
    for made in (data, wal):
        made.mkdir(mode=0o700)
    needed = _needed(bases, base, segments)
    refuse_without(
        folder,
        base.size + sum(segments[one] for one in needed),
        f"the whole server as of {base.ended:%Y-%m-%d %H:%M} and its log",
    )
    archive.unpack(base, data)
    # The copy says what each of its files must be.
    Programs().run(["pg_verifybackup", "--no-parse-wal", "--quiet", str(data)])
    archive.fetch(base.cluster, wal, needed)
    _configure(folder, moment)
    log = folder / "log"
    with ExitStack() as opened:
        try:
            postgres = opened.enter_context(_reached(folder))
        except AgentError as error:
            if not log.exists() or _TOO_EARLY not in log.read_text(errors="replace"):
                raise
            if base.cluster == Cluster(settings=settings).identity():
                end = _last(log) or "its base backup"
                raise AgentError(
                    f"the archive ends before {moment}: its last transaction was at {end}"
                ) from error
            _set(folder, {"recovery_target_time": ""})
            postgres = opened.enter_context(_reached(folder))
        yield Recovered(postgres=postgres, last=_last(log), base=base)


def chosen(
    archive: Archive, bases: Sequence[Base], moment: datetime | None
) -> tuple[Base, Mapping[str, int]]:
    """The latest base backup before the moment whose own log is whole, and its server's log.

    Raises `AgentError` when there is none.
    """
    for base in reversed(bases):
        if moment and base.ended > moment:
            continue
        segments = archive.segments(base.cluster)
        if base.last in segments:
            return base, segments
    raise AgentError(
        f"no base backup ended before {moment or 'now'}; the first that there is ended at "
        f"{bases[0].ended if bases else 'no time'}"
    )


def _needed(bases: Sequence[Base], base: Base, segments: Iterable[str]) -> list[str]:
    """The segments from the base backup's first to the next one's last: it is due before that."""
    later = [one for one in bases if one.cluster == base.cluster and one.ended > base.ended]
    end = later[0].last if later else "F" * len(base.last)
    return [one for one in segments if base.first <= one <= end]


def _configure(folder: Path, moment: datetime | None) -> None:
    hba = folder / "pg_hba.conf"
    hba.write_text("local all all trust\n")
    settings = {
        "hba_file": str(hba),
        "restore_command": f'test -f "{folder}/wal/%f{PACKED}" && gunzip -c '
        f'"{folder}/wal/%f{PACKED}" > "%p"',
        "recovery_target_action": "promote",
        "recovery_target_timeline": "latest",
        # Nobody reads before the moment is reached; so the sizes of the server do not matter.
        "hot_standby": "off",
        "archive_mode": "off",
        "ssl": "off",
        "log_timezone": "UTC",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_min_messages": "warning",
    }
    if moment:
        settings["recovery_target_time"] = moment.isoformat()
    _set(folder, settings)
    (folder / "data/recovery.signal").touch()


def _set(folder: Path, settings: Mapping[str, str]) -> None:
    """Tell the server, after what it was told itself: the last line counts."""
    with (folder / "data/postgresql.auto.conf").open("a", encoding="utf-8") as out:
        out.writelines(f"{key} = '{value}'\n" for key, value in settings.items())


@contextmanager
def _reached(folder: Path) -> Generator[Postgres]:
    """Run the server, at its moment; raises `AgentError` when it ends before."""
    with serving(folder, seconds=_SECONDS) as postgres:
        programs, deadline = Programs(), time.monotonic() + _SECONDS
        while not postgres.ready():
            # Nobody is let in before; whether it goes on, its own tool says.
            programs.run(["pg_ctl", "-D", str(folder / "data"), "status"])
            if time.monotonic() > deadline:
                raise AgentError(f"the moment is not reached after {_SECONDS // 3600} hours")
            time.sleep(0.2)
        yield postgres


def _last(log: Path) -> str:
    found = _LAST.findall(log.read_text(errors="replace")) if log.exists() else []
    return found[-1].strip() if found else ""
