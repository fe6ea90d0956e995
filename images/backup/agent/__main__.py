"""`python3 -m agent run|verify|copy|list|restore|keep`: answers in JSON; 1 when not all is well.

`serve` does the first three by a schedule, and archives meanwhile, until it is ended. `export`
writes a dump, and what it has to say to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import tasks
from .archived import Archived
from .archiver import archive
from .backup import repositories
from .kept import keep
from .process import AgentError, end_when_asked
from .second_copy import Copied
from .serve import serve
from .settings import Settings
from .sources import sources

SETTINGS = Path("/etc/backup/settings.json")
LATEST = "latest"
ALL = "all"


def main(arguments: Sequence[str]) -> int:
    """Do what the verb says."""
    told = _parser().parse_args(arguments)
    now = datetime.now(UTC)
    try:
        settings = Settings.read(told.settings)
        if told.verb == "serve":
            serve(settings, _archiver(told.settings))
        if told.verb == "archive":
            end_when_asked()
            archive(settings)
        if told.verb == "export":
            return _export(told, settings)
        answer, well = _answer(told, settings, told.now or now)
    except (AgentError, OSError) as error:
        answer, well = {"error": str(error)}, False
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")
    return 0 if well else 1


def _export(told: argparse.Namespace, settings: Settings) -> int:
    try:
        tasks.hand_out(settings, told.source, told.snapshot, sys.stdout.buffer)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _answer(told: argparse.Namespace, settings: Settings, now: datetime) -> tuple[Any, bool]:
    match told.verb:
        case "run":
            patience = settings.wait_seconds
            results = tasks.run(settings, now, told.accept, patience=patience)
            return [asdict(one) for one in results], not any(one.problem for one in results)
        case "verify":
            proofs = tasks.prove(settings, now, patience=settings.wait_seconds)
            return [asdict(one) for one in proofs], not any(one.problems for one in proofs)
        case "copy":
            copies = _copied(told, settings, now)
            return [asdict(one) for one in copies], not any(one.problem for one in copies)
        case "base":
            taken = tasks.base(settings, now, patience=settings.wait_seconds)
            return {"base": taken.name, "ended": taken.ended.isoformat()}, True
        case _:
            return _told(told, settings, now), True


def _copied(told: argparse.Namespace, settings: Settings, now: datetime) -> list[Copied]:
    if told.back:
        return tasks.copy_back(settings, patience=settings.wait_seconds)
    return tasks.copy(settings, now, patience=settings.wait_seconds)


def _told(told: argparse.Namespace, settings: Settings, now: datetime) -> Any:  # noqa: ANN401 - JSON
    """The answers of verbs that are well, or raise."""
    match told.verb:
        case "restore":
            return _restored(told, settings, now)
        case "keep":
            return {"snapshot": keep(settings, sys.stdin.read(), now)}
        case "archived":
            known = Archived.read(settings.work)
            return known.document if known else {}
        case _:
            return _listed(settings)


def _restored(told: argparse.Namespace, settings: Settings, now: datetime) -> dict[str, str]:
    restored = told.beside or told.source
    if told.source == ALL and (told.beside or not told.to):
        raise AgentError("all databases come back to a time, in their places: --to, no --beside")
    if not told.to:
        kept = tasks.bring_back(settings, told.source, told.snapshot, told.beside, now)
        return {"restored": restored, "kept": kept}
    moment = None if told.to == LATEST else datetime.fromisoformat(told.to)
    if told.source == ALL:
        places, last = tasks.bring_all_back_to(settings, moment, now)
        return {"restored": ALL, "kept": ", ".join(filter(None, places.values())), "last": last}
    kept, last = tasks.bring_back_to(settings, told.source, moment, told.beside, now)
    return {"restored": restored, "kept": kept, "last": last}


def _listed(settings: Settings) -> list[dict[str, Any]]:
    """All snapshots of sources, the oldest first, each with the days for which it is kept."""
    held = [s for one in repositories(settings).values() for s in one.snapshots()]
    found = [one for one in held if one.source]
    days = {source.name: source.terms.keep_days for source in sources(settings)}
    return [
        {
            **asdict(one),
            "time": one.time.isoformat(),
            "source": one.source,
            "keep_days": days.get(one.source, 0),
        }
        for one in sorted(found, key=lambda snapshot: snapshot.time)
    ]


def _archiver(settings: Path) -> list[str]:
    return [sys.executable, "-m", "agent", "--settings", str(settings), "archive"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument("--now", type=datetime.fromisoformat, help="another time, for a rehearsal")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="back everything up")
    run.add_argument("--accept", action="append", default=[], help="it shrank on purpose")
    verbs.add_parser("verify", help="restore the latest backups and compare them")
    copy = verbs.add_parser("copy", help="copy what is new in the bucket to the second copy")
    copy.add_argument("--back", action="store_true", help="what the bucket lacks, back into it")
    verbs.add_parser("list", help="the snapshots")
    verbs.add_parser("serve", help="back up and verify by the schedule, and answer over HTTP")
    verbs.add_parser("archive", help="archive the server's log, without end")
    verbs.add_parser("base", help="take a base backup, which the log continues")
    verbs.add_parser("archived", help="how far the archive reaches")
    verbs.add_parser("keep", help="store the stack's state, which comes on stdin")
    back = verbs.add_parser("restore", help="bring a source back")
    out = verbs.add_parser("export", help="write a source's dump to standard output")
    for verb in (back, out):
        verb.add_argument("source", help=f"as `run` names it; `{ALL}` databases, to restore")
        verb.add_argument("--snapshot", default="", help="the beginning of its id")
    back.add_argument("--to", default="", help=f"as at this time, ISO 8601, or `{LATEST}`")
    back.add_argument("--beside", default="", help="under this name, beside the present one")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
