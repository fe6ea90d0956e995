"""`manacore restore`: bring a database back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import typer

from catalog.problem import suggestion
from localcloud.home import Home
from ops import console, lock
from ops.agent import Agent, Snapshot
from ops.failures import InvalidInput, OpsError, told
from ops.options import AsJson, Local, Stack
from ops.target import Target

_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}")
_ID = re.compile(r"[0-9a-f]{4,64}")
# Between its being chosen and the end of a backup that takes long.
_MARGIN = timedelta(hours=4)

Database = Annotated[str, typer.Argument(help="The database.")]
Id = Annotated[
    str, typer.Option("--snapshot", help="Beginning of a backup's id; else the latest good one.")
]
Beside = Annotated[
    str, typer.Option(help="Restore under this name; the present database stays.", metavar="NAME")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the database's name.")]
Before = Annotated[bool, typer.Option("--backup/--no-backup", help="Take a backup before.")]


def restore(
    database: Database,
    stack: Stack = "staging",
    snapshot: Id = "",
    beside: Beside = "",
    yes: Yes = False,
    before: Before = True,
    as_json: AsJson = False,
    local: Local = False,
) -> None:
    """Bring a database back from a backup, in its place or beside it, while services run.

    In its place: asks for the database's name, takes a backup, and keeps what was there under
    another name.
    """
    with told():
        _refuse_options(snapshot, beside)
        target = Target.of(stack, local=local)
        agent = Agent.of(target)
        # Now, not later: the backup taken below would be the latest good one itself.
        chosen = _chosen(agent.snapshots(), database, snapshot)
        if not beside and not yes:
            _confirmed(stack, database, chosen)
        with lock.held(Home.from_environment().root / "locks", stack, "a restore"):
            if not beside and before:
                _secured(agent, database, chosen)
            named = ("--beside", beside) if beside else ()
            answer, _ = agent.ask("restore", database, "--snapshot", chosen.id, *named)
    done = cast("Mapping[str, str]", answer)
    if as_json:
        console.answer({**done, "snapshot": chosen.id, "time": chosen.time.isoformat()})
        return
    console.note(f"{done['restored']} is as it was at {_moment(chosen)}.")
    if done["kept"]:
        console.note(f"What it was before is kept as {done['kept']}, which nobody can connect to.")


def _refuse_options(snapshot: str, beside: str) -> None:
    problems: list[str] = []
    if snapshot and not _ID.fullmatch(snapshot):
        problems.append("--snapshot: write the first characters of an id (backup list has them)")
    if beside and not _NAME.fullmatch(beside):
        problems.append("--beside: write a name of small letters, digits and _")
    if problems:
        raise InvalidInput(problems)


def _chosen(snapshots: Sequence[Snapshot], database: str, wanted: str) -> Snapshot:
    known = sorted({one.database for one in snapshots if one.database})
    if database not in known:
        raise OpsError(
            f"There is no backup of {database}.",
            [suggestion(database, known) if known else "There are no backups at all."],
        )
    of_it = [one for one in snapshots if one.database == database]
    found = [one for one in of_it if one.id.startswith(wanted) and (wanted or not one.suspect)]
    if not found or (wanted and len(found) > 1):
        raise OpsError(
            f"{len(found)} backups of {database} are {wanted or 'good'}.",
            ["./manacore backup list shows all; --snapshot takes one, a suspect one too."],
        )
    return found[-1]


def _confirmed(stack: str, database: str, chosen: Snapshot) -> None:
    typed = typer.prompt(
        f"{database} of {stack} becomes what it was at {_moment(chosen)}; its connections are"
        " closed. Type the database's name to go on",
        err=True,
    )
    if typed.strip() != database:
        raise OpsError("Not confirmed; nothing was touched.")


def _secured(agent: Agent, database: str, chosen: Snapshot) -> None:
    """Back up what is about to be replaced, unless retention could drop the chosen one then."""
    without = "--no-backup goes without: what is replaced stays on the server in any case."
    limit = datetime.now(UTC) - timedelta(days=agent.keep_days()) + _MARGIN
    if chosen.time < limit:
        raise OpsError(
            f"{chosen.id[:8]} has reached the end of its retention: a backup now could drop it.",
            [without],
        )
    answer, _ = agent.ask("run")
    results = {one["database"]: one for one in cast("list[Mapping[str, Any]]", answer)}
    mine = results.get(database, {})
    if not mine.get("snapshot"):
        said = str(mine.get("problem") or "it is not among the databases that are backed up")
        raise OpsError(f"{database} could not be backed up; nothing was touched.", [said, without])
    for one in results.values():
        if one["problem"]:
            console.note(f"{one['database']}: {one['problem']}")


def _moment(snapshot: Snapshot) -> str:
    return snapshot.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
