"""A disk that is full in the middle of a release.

What the release writes to is made full for real: by a small file system without free space.
Containers keep the folders that they have mounted already, as they keep open files.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.local.platform import Platform
from tests.local.releases import BACKEND, OLD, answers, live, push, receipt
from tests.local.unharmed import unharmed

pytestmark = [pytest.mark.local, pytest.mark.full]

# More than the folders have.
SIZE = "8m"


@contextmanager
def full(platform: Platform, place: str) -> Generator[None]:
    """A folder of the server that has what it had, and in which nothing can be written."""
    there = "/mnt/full"
    platform.remote(
        f"sudo sh -c 'mkdir {there} && mount -t tmpfs -o size={SIZE} full {there}"
        f" && cp -a {place}/. {there} && ! cat /dev/zero >{there}/full 2>/dev/null"
        f" && mount --bind {there} {place}'"
    )
    try:
        yield
    finally:
        platform.remote(f"sudo sh -c 'umount {place} && umount {there} && rmdir {there}'")


@pytest.mark.parametrize(
    ("place", "outcome", "failed"),
    [
        # First, as what is written for a slot stays: later there would be nothing to write.
        ("/srv/manacore/secrets", "failed", "start new slots"),
        # Where Docker puts what it downloads.
        ("/var/lib/docker/tmp", "failed", "start new slots"),
        ("/srv/manacore/edge-slots", "rolled-back", "flip"),
    ],
)
def test_a_full_disk_leaves_the_old_version_and_is_said_with_its_remedy(
    platform: Platform, place: str, outcome: str, failed: str
) -> None:
    # A version of its own for each: what is there already is not pulled.
    tag = f"main-d15c{len(place):03}"
    push(platform, f"{BACKEND}={tag}")
    before = live(platform, BACKEND)
    with unharmed(platform), full(platform, place):
        done = receipt(platform, "release", f"{BACKEND}={tag}", "--watch", "0", code=1)
        assert answers(platform, BACKEND) == OLD

    assert done["outcome"] == outcome, done["reason"]
    assert [step["name"] for step in done["steps"] if step["outcome"] == "failed"] == [failed]
    assert "A disk is full." in done["reason"]
    assert f"main: 0 B of 8 MB free in {place}" in done["reason"]
    assert "./manacore retire --stack staging" in done["reason"]
    assert "no space left on device" in done["reason"].lower()
    assert done["prober"]["failed"] == 0
    platform.up()
    assert platform.preview() == {}
    assert (live(platform, BACKEND), answers(platform, BACKEND)) == (before, OLD)
    # With room again, the same release works.
    again = receipt(platform, "release", f"{BACKEND}={tag}", "--watch", "0")
    assert again["outcome"] == "released", again["reason"]
    receipt(platform, "rollback", BACKEND)
    assert answers(platform, BACKEND) == OLD
