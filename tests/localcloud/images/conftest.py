"""The caches of images, and a bench to run them on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.docker_daemon import DockerDaemon
from localcloud.home import Home
from localcloud.images.apps import Apps
from localcloud.images.base import Bases
from localcloud.images.infrastructure import Infrastructure
from localcloud.images.layers import LayerStore
from localcloud.images.sources import Sources
from tests.localcloud.images.support import Bench


@pytest.fixture(scope="session")
def bases() -> Bases:
    """The shared layers, in the caches of this machine."""
    images = Home.from_environment().images
    return Bases(LayerStore(images), Sources(images / "sources"))


@pytest.fixture(scope="session")
def infrastructure(bases: Bases) -> Infrastructure:
    """The recipes of infrastructure."""
    return Infrastructure(bases.store, bases.sources, bases)


@pytest.fixture(scope="session")
def apps(bases: Bases) -> Apps:
    """The recipe of apps."""
    return Apps(bases.store, bases.sources, bases)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A network for the containers of one file."""
    DockerDaemon(Home.from_environment()).ensure()
    bench = Bench()
    bench.open()
    yield bench
    bench.close()
