"""Servers for the prober's tests."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from ops.release import recovery
from ops.release.probes.target import Target
from tests.ops.release.authority import Authority
from tests.ops.release.site import Loop, Site, looping


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the tests' hosts."""
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def loop() -> Generator[Loop]:
    """A loop for servers."""
    with looping() as found:
        yield found


@pytest.fixture
def listener() -> Generator[socket.socket]:
    """A listening socket on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def site(authority: Authority, loop: Loop, listener: socket.socket) -> Generator[Site]:
    """A server that answers 200."""
    found = Site(authority)
    loop.run(found.start(listener))
    yield found
    loop.run(found.kill())


@pytest.fixture
def certificates(authority: Authority) -> Path:
    """The file of authorities that trusts the servers."""
    return authority.file


@pytest.fixture
def target(listener: socket.socket, certificates: Path) -> Target:
    """The server, as a public host."""
    return Target(
        host="one.example.test",
        address="127.0.0.1",
        port=listener.getsockname()[1],
        verify=certificates,
    )


@pytest.fixture
def receipts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the receipts are written."""
    monkeypatch.setattr(recovery, "RECEIPTS", tmp_path)
    return tmp_path
