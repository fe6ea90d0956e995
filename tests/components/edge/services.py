"""Two services with the same two slots, behind an edge."""

from __future__ import annotations

from components.edge.certificates import Certificates
from components.edge.config import EdgeConfig
from components.edge.proxy import Timing
from components.edge.routes import InternalRoute, MetricsRoute, PublicRoute, Slots, Upstream
from tests.components.edge.upstream import Service


def config(blue: Upstream, green: Upstream) -> EdgeConfig:
    """Services one and two, public; one also inside and with metrics."""
    slots = {name: Slots(service=name, upstreams=[blue, green]) for name in ("one", "two")}
    return EdgeConfig(
        public=[
            PublicRoute(host="one.test", upstream=slots["one"], health="/"),
            PublicRoute(host="two.test", upstream=slots["two"], health="/"),
        ],
        internal=[InternalRoute(port=3001, upstream=slots["one"], health="/")],
        metrics=[MetricsRoute(name="one", upstream=slots["one"], path="/metrics")],
        certificates=Certificates(issuer="internal", email="a@example.org", directory=""),
        timing=Timing(retry=10),
    )


def both(live: Service) -> dict[str, str]:
    """The pointers by which one slot is live for both."""
    return dict.fromkeys(("one", "two"), live.upstream.dial)
