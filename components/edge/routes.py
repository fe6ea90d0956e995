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

    Private callers reach a slot directly when they name it in `X-Manacore-Slot`. `canary_share`
    (0 to 1) of all other requests go to the slot `canary`, whichever is live. `maintenance` answers
    503 in place of the live slot; either slot stays reachable by name. `body_limit` is in bytes.

    Raises `ValueError` for a share outside 0 to 1, or one for a slot that there is not.
    """

    upstream: Upstream | Slots
    health: str
    canary: str = ""
    canary_share: float = 0.0
    maintenance: bool = False
    body_limit: int = BODY_LIMIT

    def __post_init__(self) -> None:
        if not 0 <= self.canary_share <= 1:
            raise ValueError(f"{self.upstream.dial}: canary_share is not within 0 and 1")
        if self.canary_share and self.canary_upstream is None:
            raise ValueError(f"{self.upstream.dial}: a canary needs a slot, not '{self.canary}'")

    @property
    def slots(self) -> Sequence[Upstream]:
        """The slots that can be reached by name; none for a service without any."""
        return self.upstream.upstreams if isinstance(self.upstream, Slots) else ()

    @property
    def canary_upstream(self) -> Upstream | None:
        """The canary's container, if a share of the requests is to go there."""
        named = (u for u in self.slots if u.slot == self.canary)
        return next(named, None) if self.canary_share else None


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
