"""The services behind an edge: one per slot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components.edge.upstream import Service


@pytest.fixture(scope="module")
def blue() -> Iterator[Service]:
    with Service("blue") as service:
        yield service


@pytest.fixture(scope="module")
def green() -> Iterator[Service]:
    with Service("green") as service:
        yield service
