"""`manacore state`: a stack's state in the backups' bucket, and back from there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, cast

import typer
from pulumi import automation as auto
from rich.table import Table

from localcloud.home import Home
from ops import console, lock, session
from ops.failures import InvalidInput, OpsError, told
from ops.options import AsJson, Local, Stack
from ops.session import Session
from ops.state import configuration, keeping
from ops.state.bucket import Bucket, Kept
from ops.state.document import Document, State, moment, survivors
from ops.target import Target


class Verb(StrEnum):
    """What is done."""

    KEEP = "keep"
    LIST = "list"
    RESTORE = "restore"


Asked = Annotated[Verb, typer.Argument(help="Keep it now, list what is kept, or bring it back.")]
Id = Annotated[str, typer.Option("--snapshot", help="Beginning of an id; else the newest one.")]
Force = Annotated[bool, typer.Option("--force", help="restore: also over a newer state.")]
CloudsLost = Annotated[
    bool,
    typer.Option(
        "--clouds-lost", help="restore: only passwords, keys and the bucket; all else is gone."
    ),
]
Files = Annotated[
    bool, typer.Option("--files", help="restore: ledger and configuration too, into the tree.")
]


def state(
    verb: Asked,
    stack: Stack = "staging",
    snapshot: Id = "",
    force: Force = False,
    clouds_lost: CloudsLost = False,
    files: Files = False,
    as_json: AsJson = False,
    local: Local = False,
) -> None:
    """The stack's state, ledger and configuration in the bucket of the backups.

    Every up and every release keeps them by itself. list and restore need restic on this machine,
    the passphrase and the configuration, and no server.
    """
    with told():
        if verb is not Verb.RESTORE and (snapshot or force or clouds_lost or files):
            raise InvalidInput(
                ["--snapshot, --force, --clouds-lost, --files: go with restore only"]
            )
        target = Target.of(stack, local=local)
        opened = Session(target).stack()
        match verb:
            case Verb.KEEP:
                identity = keeping.keep(opened, target)
                console.answer({"snapshot": identity}) if as_json else console.note(
                    f"Kept as {identity[:8]}."
                )
            case Verb.LIST:
                _show(Bucket.of(configuration.settings(opened)).kept(), as_json=as_json)
            case Verb.RESTORE:
                with lock.held(Home.from_environment().locks, stack, "a state's restore"):
                    found, document = _chosen(opened, stack, snapshot)
                    brought = survivors(document.state) if clouds_lost else document.state
                    _refuse_newer(opened, document, force=force)
                    _import(opened, document.version, brought)
                differing = _files(target, document, write=files)
                _tell(found, brought, differing, written=files, as_json=as_json)


def _show(found: Sequence[Kept], *, as_json: bool) -> None:
    if as_json:
        console.answer([{"id": one.id, "time": one.time.isoformat()} for one in found])
        return
    table = Table("snapshot", "time")
    for one in found:
        table.add_row(one.id[:8], _minute(one.time))
    console.out.print(table)
    console.out.print(f"{len(found)} states")


def _chosen(opened: auto.Stack, stack: str, wanted: str) -> tuple[Kept, Document]:
    bucket = Bucket.of(configuration.settings(opened))
    found = [one for one in bucket.kept() if one.id.startswith(wanted)]
    if not found or (wanted and len(found) > 1):
        raise OpsError(
            f"{len(found)} states in the bucket are {wanted or 'there'}.",
            [f"./manacore state list --stack {stack} shows all."],
        )
    document = Document.read(bucket.read(found[-1].id))
    if document.stack != stack:
        raise OpsError(
            f"What is kept as {found[-1].id[:8]} is of the stack {document.stack}.",
            ["Each stack has a bucket of its own: cloudflare.backup_bucket."],
        )
    return found[-1], document


def _refuse_newer(opened: auto.Stack, document: Document, *, force: bool) -> None:
    present = moment(cast("State", session.encrypted(opened).deployment or {}))
    kept = moment(document.state)
    if present > kept and not force:
        raise OpsError(
            f"The state that is there is newer: of {_minute(present)}, the kept one of"
            f" {_minute(kept)}. Nothing was touched.",
            ["What was made in between would be forgotten, and made twice. On purpose: --force."],
        )


def _import(opened: auto.Stack, version: int, brought: State) -> None:
    try:
        opened.import_stack(auto.Deployment(version=version, deployment=brought))
    except auto.CommandError as error:
        lines = [line for line in str(error).splitlines() if "error" in line.lower()]
        raise OpsError("The engine refused the state.", lines) from error


def _files(target: Target, document: Document, *, write: bool) -> list[str]:
    """The files that differ from the kept ones; with `write` no longer."""
    differing: list[str] = []
    for name, file in keeping.files(target).items():
        kept = document.files.get(name)
        if kept is None or (file.is_file() and file.read_text(encoding="utf-8") == kept):
            continue
        differing.append(name)
        if write:
            file.write_text(kept, encoding="utf-8")
    return differing


def _tell(
    found: Kept, brought: State, differing: Sequence[str], *, written: bool, as_json: bool
) -> None:
    count = len(cast("list[object]", brought.get("resources") or []))
    if as_json:
        console.answer(
            {
                "snapshot": found.id,
                "time": found.time.isoformat(),
                "resources": count,
                "differing": differing,
                "written": written,
            }
        )
        return
    console.note(f"The state of {_minute(found.time)} is back: {count} resources.")
    for name in differing:
        console.note(
            f"  {name}: written as it was kept"
            if written
            else f"  {name} is not as it was kept; --files brings that back too"
        )


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
