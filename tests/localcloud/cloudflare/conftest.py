"""One served emulator for each test that asks for it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.localcloud.cloudflare.serving import Served, serving


@pytest.fixture
def served() -> Generator[Served]:
    """An emulator with two zones."""
    with serving() as running:
        yield running
