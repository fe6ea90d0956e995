"""The services behind an edge, one per slot, and that edge with the blue one live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components.edge.caddy import RunningEdge
from tests.components.edge.services import both, config
from tests.components.edge.upstream import Service


@pytest.fixture(scope="module")
def blue() -> Iterator[Service]:
    with Service("blue") as service:
        yield service


@pytest.fixture(scope="module")
def green() -> Iterator[Service]:
    with Service("green") as service:
        yield service


@pytest.fixture(scope="module")
def edge(blue: Service, green: Service) -> Iterator[RunningEdge]:
    with RunningEdge(config(blue.upstream, green.upstream), both(blue)) as running:
        yield running
