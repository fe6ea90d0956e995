"""One served emulator for each test that asks for it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.localcloud.github.serving import Served, serving


@pytest.fixture
def served() -> Generator[Served]:
    """An emulator of a private repository on the enterprise plan: everything is offered."""
    with serving({"plan": "enterprise"}) as running:
        yield running
