"""The registry of this machine takes a push of the outer Docker and knows what it has."""

from __future__ import annotations

import io
import tarfile

import pytest

from localcloud.home import Home
from localcloud.machines.outer import LABEL, docker
from localcloud.registry.registry import CONTAINER, Registry

pytestmark = pytest.mark.local
REFERENCE = "ghcr.io/wuesteon/registry-test:1"


def test_what_is_pushed_is_there_and_the_rest_is_not() -> None:
    registry = Registry(Home.from_environment())
    registry.start()
    started = docker("inspect", "--format", "{{.Id}}", CONTAINER)
    registry.start()
    assert docker("inspect", "--format", "{{.Id}}", CONTAINER) == started, "left as it runs"
    target = registry.push_target(REFERENCE)
    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("marker"))
    docker("import", "--change", f"LABEL {LABEL}", "-", target, stdin=empty.getvalue())
    try:
        docker("push", target)
        assert registry.has(REFERENCE)
        assert (registry.digest(REFERENCE) or "").startswith("sha256:")
        assert not registry.has("ghcr.io/wuesteon/registry-test:2")
    finally:
        docker("rmi", target)
