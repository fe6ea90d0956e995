"""The platform that the tests of releases work on."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from bench import load
from tests.local.platform import Platform, changed_tree


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """The platform in a tree of its own, since releases write ledger and receipts."""
    load.install()
    there = Platform(root=changed_tree(tmp_path_factory.mktemp("tree"), {}))
    there.up()
    yield there
    # What comes after finds the committed ledger's versions live.
    Platform().up("--flip")
