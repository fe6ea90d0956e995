"""The command line: one verb per file."""

from __future__ import annotations

import typer

from ops.backup import backup
from ops.doctor import doctor
from ops.down import down
from ops.drill.commands import drill
from ops.env import env
from ops.images import images
from ops.outputs import outputs
from ops.preview import preview
from ops.release.commands import history, release, retire, rollback
from ops.release.maintenance import maintenance
from ops.restore import restore
from ops.state.commands import state
from ops.status import status
from ops.up import up

app = typer.Typer(
    name="manacore",
    help="The platform: staging and production, on real clouds or on the local one (--local).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (
    up,
    preview,
    release,
    rollback,
    retire,
    maintenance,
    history,
    backup,
    restore,
    state,
    drill,
    down,
    status,
    doctor,
    outputs,
    env,
    images,
):
    app.command()(verb)
