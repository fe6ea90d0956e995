"""What the edge's pointers and gates say, by the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from catalog import Service
from components.edge.gate import Gate
from components.edge.pointers import Pointers
from components.edge.routes import Upstream
from stacks.ledger import Ledger, Slot


def pointers(services: Iterable[Service], ledger: Ledger) -> Pointers:
    """The pointers and gates of services with slots."""
    listed = list(services)
    return Pointers(
        dials={s.name: in_slot(s, ledger[s.name].live).dial for s in listed},
        gates={s.name: _gate(s, ledger).text for s in listed},
    )


def in_slot(service: Service, slot: Slot) -> Upstream:
    """Where a service's slot is found."""
    return Upstream(container=f"{service.name}-{slot}", port=service.port, slot=slot.value)


def _gate(service: Service, ledger: Ledger) -> Gate:
    entry = ledger[service.name]
    return Gate(
        percent=entry.canary or 0,
        canary=in_slot(service, entry.live.other).dial if entry.canary else "",
        maintenance=entry.message,
    )
