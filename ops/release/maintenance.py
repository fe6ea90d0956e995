"""`manacore maintenance`: services that say that they are being worked on."""

from __future__ import annotations

from typing import Annotated

import typer

from catalog.problem import suggestion
from components.edge.gate import MESSAGE_LENGTH, MESSAGE_REFUSED, is_message
from ops import console
from ops.failures import InvalidInput, told
from ops.options import AsJson, Local, Stack
from ops.release import ledger as ledgers
from ops.release.opened import opened
from stacks.ledger import Ledger

_ALL = "all"
Services = Annotated[
    list[str],
    typer.Argument(help=f"The services; `{_ALL}` is every one of them.", metavar="SERVICE"),
]
IsOn = Annotated[bool, typer.Option("--on/--off", help="Begin or end it.")]
Message = Annotated[str | None, typer.Option(help="What the page says; a line of plain text.")]


def maintenance(
    services: Services,
    on: IsOn,
    message: Message = None,
    stack: Stack = "staging",
    as_json: AsJson = False,
    local: Local = False,
) -> None:
    """Answer services' requests with a friendly 503, or no longer; what is under way ends.

    It is in the ledger, so that every later up keeps it. Containers go on running.
    """
    with told():
        _refuse_message(message, on=on)
        what = "maintenance begins" if on else "maintenance ends"
        with opened(stack, local=local, what=what) as site:
            ledger = site.ledger
            if services == [_ALL]:
                services = list(ledger.entries)
            _refuse_unknown(ledger, services)
            wanted = ledgers.maintained(ledger, services, (message or True) if on else False)
            # Also when the ledger says so already: it may have been killed before the edge knew.
            site.steer(wanted, "maintenance")
    if as_json:
        console.answer({service: wanted[service].message or None for service in services})
        return
    for service in services:
        said = wanted[service].message
        console.note(f"  {service}: " + (f"under maintenance: {said}" if said else "open"))


def _refuse_message(message: str | None, *, on: bool) -> None:
    if message is None:
        return
    if not on:
        raise InvalidInput(["--message: goes with --on only"])
    if not is_message(message):
        raise InvalidInput(
            [
                f"--message: write one line of at most {MESSAGE_LENGTH} characters, "
                f"without {MESSAGE_REFUSED}"
            ]
        )


def _refuse_unknown(ledger: Ledger, services: list[str]) -> None:
    unknown = [service for service in services if service not in ledger.entries]
    if unknown:
        raise InvalidInput(
            [
                f"{service}: is no service with slots ({suggestion(service, ledger.entries)})"
                for service in unknown
            ]
        )
