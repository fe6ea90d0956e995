"""Options and fixtures of all tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

from ops import sdk
from tests.support import whole_parse

whole_parse.install()
# Every suite runs many engines in one process.
sdk.keep_apart()
# Machines are shared: how long an example takes says nothing.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes the golden files anew."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update-golden"))
