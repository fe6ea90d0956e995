"""Options that every verb has."""

from __future__ import annotations

from typing import Annotated

import typer

Stack = Annotated[str, typer.Option(help="Stack: staging or production.")]
Local = Annotated[bool, typer.Option("--local", help="The local cloud, not the real ones.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")]
Parallel = Annotated[int, typer.Option(min=1, help="Operations at the same time.")]
