"""What the edge routes: names and ports of its own, and the containers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.edge import pointers

BODY_LIMIT = 50 * 2**20


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Where requests go: a container's name and port.

    `slot` is the one that the container is in; empty for a service without slots.
    """

    container: str
    port: int
    slot: str = ""

    @property
    def dial(self) -> str:
        """The address as Caddy dials it."""
        return f"{self.container}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Slots:
    """Where requests go: the live one of a service's slots, which its pointer names.

    Nothing here says which one that is, so that a flip leaves the configuration alone.

    Raises `ValueError` for an upstream that does not name its slot.
    """

    service: str
    upstreams: Sequence[Upstream]

    def __post_init__(self) -> None:
        for upstream in self.upstreams:
            if not upstream.slot:
                raise ValueError(f"{upstream.dial}: an upstream of {self.service} names no slot")

    @property
    def dial(self) -> str:
        """The live slot's address as Caddy dials it: resolved at each request."""
        return pointers.placeholder(self.service)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A service behind the edge. `health` is the path that the active checks ask.

    Private callers reach a slot directly when they name it in `X-Manacore-Slot`, whatever the
    gate. `body_limit` is in bytes.
    """

    upstream: Upstream | Slots
    health: str
    body_limit: int = BODY_LIMIT

    @property
    def slots(self) -> Sequence[Upstream]:
        """The slots that can be reached by name; none for a service without any."""
        return self.upstream.upstreams if isinstance(self.upstream, Slots) else ()


@dataclass(frozen=True, kw_only=True)
class PublicRoute(Route):
    """A public host name. With `www`, `www.<host>` redirects to it."""

    host: str
    www: bool = False


@dataclass(frozen=True, kw_only=True)
class InternalRoute(Route):
    """A service's own port, for callers inside the platform."""

    port: int


@dataclass(frozen=True, kw_only=True)
class MetricsRoute:
    """`/metrics/<name>` of the metrics listener: the metrics path of a container that is live."""

    name: str
    upstream: Upstream | Slots
    path: str
