"""`python3 -m agent run|verify|list|restore`: answers in JSON; 1 when something is not well.

`serve` does the first two by a schedule, until it is ended. `export` writes a dump, and what it has
to say to standard error.
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
from .backup import repositories
from .process import AgentError
from .serve import serve
from .settings import Settings
from .sources import sources

SETTINGS = Path("/etc/backup/settings.json")


def main(arguments: Sequence[str]) -> int:
    """Do what the verb says."""
    told = _parser().parse_args(arguments)
    now = datetime.now(UTC)
    try:
        settings = Settings.read(told.settings)
        if told.verb == "serve":
            serve(settings)
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
        case "restore":
            kept = tasks.bring_back(settings, told.source, told.snapshot, told.beside, now)
            return {"restored": told.beside or told.source, "kept": kept}, True
        case _:
            return _listed(settings), True


def _listed(settings: Settings) -> list[dict[str, Any]]:
    """All snapshots, the oldest first, each with the days for which its source's are kept."""
    found = [s for one in repositories(settings).values() for s in one.snapshots()]
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument("--now", type=datetime.fromisoformat, help="another time, for a rehearsal")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="back everything up")
    run.add_argument("--accept", action="append", default=[], help="it shrank on purpose")
    verbs.add_parser("verify", help="restore the latest backups and compare them")
    verbs.add_parser("list", help="the snapshots")
    verbs.add_parser("serve", help="back up and verify by the schedule, and answer over HTTP")
    back = verbs.add_parser("restore", help="bring a source back")
    out = verbs.add_parser("export", help="write a source's dump to standard output")
    for verb in (back, out):
        verb.add_argument("source", help="as `run` names it")
        verb.add_argument("--snapshot", default="", help="the beginning of its id")
    back.add_argument("--beside", default="", help="under this name, beside the present one")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
