"""`manacore outputs`: what the stack tells workflows and people."""

from __future__ import annotations

import json
from typing import cast

from rich.markup import escape
from rich.table import Table

from ops import console, session
from ops.failures import told
from ops.options import AsJson, Local, Stack
from ops.target import Target


def outputs(stack: Stack = "staging", as_json: AsJson = False, local: Local = False) -> None:
    """Print the stack's outputs."""
    with told():
        found = session.outputs(session.Session(Target.of(stack, local=local)).known())
    if as_json:
        console.answer(found)
        return
    table = Table("output", "value")
    for name, value in sorted(found.items()):
        table.add_row(name, escape(brief(cast("object", value))))
    console.out.print(table)


def brief(value: object) -> str:
    """A value on a line or a few: lists and objects by their count and names."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        names = [str(i["name"]) for i in cast("list[dict[str, object]]", items) if "name" in i]
        return f"{len(items)}: {', '.join(names)}"
    if isinstance(value, dict):
        return "\n".join(
            f"{key}: {json.dumps(part) if isinstance(part, (dict, list)) else part}"
            for key, part in cast("dict[str, object]", value).items()
        )
    return str(value)
