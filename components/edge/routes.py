"""What the edge routes: names and ports of its own, and the containers behind them."""

from __future__ import annotations

from dataclasses import dataclass

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
class Route:
    """A service behind the edge. `health` is the path that the active checks ask.

    `idle` is the slot without traffic: private callers that name it in `X-Manacore-Slot` reach it.
    `canary_share` (0 to 1) of all other requests go there too. `maintenance` answers 503 in place
    of the live slot; the idle one stays reachable. `body_limit` is in bytes.

    Raises `ValueError` for a canary without an idle slot, or a share outside 0 to 1.
    """

    upstream: Upstream
    health: str
    idle: Upstream | None = None
    canary_share: float = 0.0
    maintenance: bool = False
    body_limit: int = BODY_LIMIT

    def __post_init__(self) -> None:
        if not 0 <= self.canary_share <= 1:
            raise ValueError(f"{self.upstream.dial}: canary_share is not within 0 and 1")
        if self.canary_share and self.idle is None:
            raise ValueError(f"{self.upstream.dial}: a canary needs an idle slot")
        if self.idle is not None and not self.idle.slot:
            raise ValueError(f"{self.idle.dial}: an idle upstream names its slot")


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
    """`/metrics/<name>` of the metrics listener: a container's metrics path."""

    name: str
    upstream: Upstream
    path: str
