"""`manacore restore`: bring back a database, Redis, or a folder; databases as at any time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import typer

from localcloud.home import Home
from ops import console, lock, server_lock, session
from ops.agent import Agent, Snapshot
from ops.failures import InvalidInput, OpsError, told
from ops.options import AsJson, Local, Stack
from ops.placing import place
from ops.session import Session
from ops.source import named, own
from ops.target import Target

_WHAT = "a restore"
LATEST = "latest"
ALL = "all"
_DATABASES = "postgres/"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}")
_ID = re.compile(r"[0-9a-f]{4,64}")
# Between its being chosen and the end of a backup that takes long.
_MARGIN = timedelta(hours=4)
_WITHOUT = "--no-backup goes without: what is replaced stays on the server, but for Redis."

Wanted = Annotated[
    str,
    typer.Argument(
        help="As `backup list` names it; `chat` is enough for postgres/chat. "
        f"`{ALL}` is every database."
    ),
]
Id = Annotated[
    str, typer.Option("--snapshot", help="Beginning of a backup's id; else the latest good one.")
]
To = Annotated[
    str,
    typer.Option(
        help=f"A database as it was then, such as 2026-11-25T02:10:00Z, or `{LATEST}`: as late as "
        "the archive reaches.",
        metavar="TIME",
    ),
]
Beside = Annotated[
    str, typer.Option(help="Restore under this name; what is there now stays.", metavar="NAME")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the name.")]
Before = Annotated[bool, typer.Option("--backup/--no-backup", help="Take a backup before.")]


def restore(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    source: Wanted,
    stack: Stack = "staging",
    snapshot: Id = "",
    to: To = "",
    beside: Beside = "",
    yes: Yes = False,
    before: Before = True,
    as_json: AsJson = False,
    local: Local = False,
) -> None:
    """Bring a database, Redis or a folder back from a backup, in its place or beside it.

    With --to, from the archive: as it was at that time, to the transaction. `all` databases come
    back to one moment with it, at once or none; without it each as in its own latest good backup,
    one after the other.

    In its place: asks for its name (of all: the stack's), takes a backup, and keeps what was there
    under another name (of Redis: in that backup). Other services run on meanwhile.
    """
    with told():
        _refuse_options(source, snapshot, to, beside)
        target = Target.of(stack, local=local)
        outputs = session.outputs(Session(target).known())
        agent = Agent.among(outputs, stack)
        # Now, not later: the backup taken below would be the latest good one itself.
        chosen = [] if to else _wanted(agent.snapshots(), source, snapshot)
        name = ALL if source == ALL else chosen[0].source if chosen else _archived(source)
        when = to or _moment(chosen[0])
        if not beside and not yes:
            _confirmed(stack, name, f"{when} or later" if len(chosen) > 1 else when)
        with (
            lock.held(Home.from_environment().locks, stack, _WHAT),
            server_lock.held(outputs, stack, _WHAT),
        ):
            if not beside and before:
                for one in chosen:
                    _refuse_expiring(one)
                _secured(agent, name)
            if to:
                done = [_said({**_then(agent, name, to, beside), "time": to}, to)]
            else:
                done = [
                    _said({**_brought(agent, one, beside), **_identity(one)}, _moment(one))
                    for one in chosen
                ]
    if as_json:
        # A moment of the archive is one answer for all of them, backups are one each.
        console.answer(done if name == ALL and not to else done[0])


def _identity(snapshot: Snapshot) -> dict[str, str]:
    return {"snapshot": snapshot.id, "time": snapshot.time.isoformat()}


def _said(done: dict[str, str], when: str) -> dict[str, str]:
    """Say what was done, and hand it on."""
    what = "Every database" if done["restored"] == ALL else done["restored"]
    console.note(f"{what} is as it was at {when}.")
    if last := done.get("last"):
        console.note(f"The last transaction before that ended at {last}.")
    if done["kept"]:
        console.note(f"What was there before is kept as {done['kept']}, which nobody uses.")
    return done


def _archived(source: str) -> str:
    return f"{_DATABASES}{own(source)}"


def _brought(agent: Agent, chosen: Snapshot, beside: str) -> dict[str, str]:
    kind = chosen.source.partition("/")[0]
    return _RESTORERS.get(kind, _by_the_agent)(agent, chosen, beside)


def _then(agent: Agent, name: str, to: str, beside: str) -> dict[str, str]:
    """As it was at a time, by the archive."""
    asked = ("--beside", beside) if beside else ()
    answer, _ = agent.ask("restore", name, "--to", to, *asked)
    return cast("dict[str, str]", answer)


def _by_the_agent(agent: Agent, chosen: Snapshot, beside: str) -> dict[str, str]:
    asked = ("--beside", beside) if beside else ()
    answer, _ = agent.ask("restore", chosen.source, "--snapshot", chosen.id, *asked)
    return cast("dict[str, str]", answer)


# By kind of source; all others are the agent's.
_RESTORERS: Mapping[str, Callable[[Agent, Snapshot, str], dict[str, str]]] = {"folder": place}


def _refuse_options(source: str, snapshot: str, to: str, beside: str) -> None:
    problems: list[str] = []
    if snapshot and to:
        problems.append("--snapshot, --to: one of them only")
    if source == ALL and snapshot:
        problems.append(f"--snapshot: is of one database, and {ALL} are many")
    if source == ALL and beside:
        problems.append(f"--beside: has one name, and {ALL} are many")
    if to and "/" in source and not source.startswith(_DATABASES):
        problems.append(f"--to: goes with a database only, and {source} is none")
    if to and to != LATEST and (wrong := _no_past_time(to)):
        problems.append(f"--to: {wrong}")
    if snapshot and not _ID.fullmatch(snapshot):
        problems.append("--snapshot: write the first characters of an id (backup list has them)")
    if beside and not _NAME.fullmatch(beside):
        problems.append("--beside: write a name of small letters, digits and _")
    if problems:
        raise InvalidInput(problems)


def _no_past_time(text: str) -> str:
    """Why a text is no time that one can go back to; empty when it is."""
    form = f"write a time with its zone, such as 2026-11-25T02:10:00Z, or {LATEST}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return f"{text!r} is no time: {form}"
    if moment.tzinfo is None:
        return f"{text} has no zone: {form}"
    return "it is yet to come" if moment > datetime.now(UTC) else ""


def _wanted(snapshots: Sequence[Snapshot], source: str, identity: str) -> list[Snapshot]:
    """The backup that is meant; of all databases the latest good one of each, the oldest first."""
    if source != ALL:
        return [_chosen(snapshots, source, identity)]
    # What the agent does not back up any more, it could not restore: it keeps that for no days.
    names = {one.source for one in snapshots if one.keep_days}
    found = [_chosen(snapshots, name, "") for name in names if name.startswith(_DATABASES)]
    if not found:
        raise OpsError("There is no backup of any database.")
    return sorted(found, key=lambda one: one.time)


def _chosen(snapshots: Sequence[Snapshot], wanted: str, identity: str) -> Snapshot:
    source = named(wanted, [one.source for one in snapshots])
    of_it = [one for one in snapshots if one.source == source]
    found = [one for one in of_it if one.id.startswith(identity) and (identity or not one.suspect)]
    if not found or (identity and len(found) > 1):
        raise OpsError(
            f"{len(found)} backups of {source} are {identity or 'good'}.",
            ["./manacore backup list shows all; --snapshot takes one, a suspect one too."],
        )
    return found[-1]


def _confirmed(stack: str, source: str, when: str) -> None:
    name = stack if source == ALL else own(source)
    what = "Every database" if source == ALL else source
    typed = typer.prompt(
        f"{what} of {stack} becomes what it was at {when}; who uses it loses"
        f" its connection. Type {name} to go on",
        err=True,
    )
    if typed.strip() != name:
        raise OpsError("Not confirmed; nothing was touched.")


def _refuse_expiring(chosen: Snapshot) -> None:
    """A backup now could drop the chosen one, by its retention."""
    limit = datetime.now(UTC) - timedelta(days=chosen.keep_days) + _MARGIN
    if chosen.time < limit:
        raise OpsError(
            f"{chosen.id[:8]} has reached the end of its retention: a backup now could drop it.",
            [_WITHOUT],
        )


def _secured(agent: Agent, source: str) -> None:
    """Back up what is about to be replaced."""
    answer, _ = agent.ask("run")
    results = {one["source"]: one for one in cast("list[Mapping[str, Any]]", answer)}
    databases = [name for name in results if name.startswith(_DATABASES)]
    for name in databases if source == ALL else [source]:
        mine = results.get(name, {})
        if not mine.get("snapshot"):
            said = str(mine.get("problem") or "it is not among what is backed up")
            raise OpsError(f"{name} could not be backed up; nothing was touched.", [said, _WITHOUT])
    for one in results.values():
        if one["problem"]:
            console.note(f"{one['source']}: {one['problem']}")


def _moment(snapshot: Snapshot) -> str:
    return snapshot.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
