"""`manacore backup`: back up, list what there is, prove it, copy it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, cast

import typer
from rich.markup import escape
from rich.table import Table

from ops import console
from ops.agent import Agent
from ops.failures import InvalidInput, told
from ops.options import AsJson, Local, Stack
from ops.source import named
from ops.target import Target


class Verb(StrEnum):
    """What the agent does."""

    RUN = "run"
    LIST = "list"
    VERIFY = "verify"
    COPY = "copy"


Asked = Annotated[
    Verb, typer.Argument(help="Back up now, list the backups, prove them, or copy them.")
]
Accept = Annotated[
    list[str] | None, typer.Option(help="run: this one shrank on purpose.", metavar="SOURCE")
]
Back = Annotated[
    bool, typer.Option("--back", help="copy: what the bucket lacks, from the copy into it.")
]
# What a table shows of each answer: its heading, and the answer's key.
_COLUMNS: dict[Verb, tuple[tuple[str, str], ...]] = {
    Verb.RUN: (("source", "source"), ("snapshot", "snapshot"), ("counted", "counted"),
               ("bytes", "size"), ("problem", "problem")),
    Verb.LIST: (("snapshot", "id"), ("time", "time"), ("source", "source"),
                ("tags", "tags")),
    Verb.VERIFY: (("source", "source"), ("snapshot", "snapshot"), ("age, hours", "age_hours"),
                  ("counted", "counted"), ("problems", "problems")),
    Verb.COPY: (("repository", "copy"), ("copied", "copied"), ("held", "held"),
                ("dropped", "dropped"), ("problem", "problem")),
}  # fmt: skip
_WHAT = {Verb.LIST: "backups", Verb.COPY: "repositories"}


def backup(
    verb: Asked,
    stack: Stack = "staging",
    accept: Accept = None,
    back: Back = False,
    as_json: AsJson = False,
    local: Local = False,
) -> None:
    """Back up everything now (run), list the backups, restore and compare them (verify), copy them.

    The second copy gets what is new in the bucket; with --back, the bucket gets what it lacks.

    Exit code 0 only when all is well: nothing failed, shrank, or differs.
    """
    with told():
        if accept and verb is not Verb.RUN:
            raise InvalidInput(["--accept: goes with run only"])
        if back and verb is not Verb.COPY:
            raise InvalidInput(["--back: goes with copy only"])
        agent = Agent.of(Target.of(stack, local=local))
        known = [one.source for one in agent.snapshots()] if accept else []
        meant = [named(one, known) for one in accept or ()]
        accepted = [part for source in meant for part in ("--accept", source)]
        answer, well = agent.ask(verb.value, *accepted, *(["--back"] if back else []))
    if as_json:
        console.answer(answer)
    else:
        _show(verb, cast("Sequence[Mapping[str, Any]]", answer))
    if not well:
        raise typer.Exit(1)


def _show(verb: Verb, found: Sequence[Mapping[str, Any]]) -> None:
    columns = _COLUMNS[verb]
    table = Table(*(heading for heading, _ in columns))
    for one in found:
        table.add_row(*(escape(_cell(key, one.get(key))) for _, key in columns))
    console.out.print(table)
    console.out.print(f"{len(found)} {_WHAT.get(verb, 'sources')}")


def _cell(key: str, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    if isinstance(value, float):
        return f"{value:.1f}"
    # restic knows a snapshot by the beginning of its id.
    return str(value)[:8] if key in ("id", "snapshot") else str(value)
