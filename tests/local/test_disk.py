"""A disk that is full in the middle of a release.

What the release writes to is made full for real: by a small file system without free space.
Containers keep the folders that they have mounted already, as they keep open files.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.local.platform import Platform
from tests.local.releases import BACKEND, OLD, answers, live, push, receipt
from tests.local.unharmed import unharmed

pytestmark = [pytest.mark.local, pytest.mark.full]

# More than the folders have.
SIZE = "8m"
# Where it is mounted too: of a disk's places the shortest is told.
DISK = "/mnt/full"
# A flip to a set of pointers that is there writes nothing.
IDLE_SETS = "ls -d sets/* | grep -v $(readlink live)"


@contextmanager
def full(platform: Platform, place: str, without: str) -> Generator[None]:
    """A folder of the server that has what it had, and in which nothing can be written.

    `without` is run in it before, to take out what would be there to be used again.
    """
    steps = (
        f"mkdir {DISK} && mount -t tmpfs -o size={SIZE} full {DISK}",
        f"cp -a {place}/. {DISK} && cd {DISK} && {without}",
        f"! cat /dev/zero >{DISK}/full 2>/dev/null",
        f"mount --bind {DISK} {place}",
    )
    platform.remote(f"sudo sh -c '{' && '.join(steps)}'")
    try:
        yield
    finally:
        platform.remote(f"sudo sh -c 'umount {place} && umount {DISK} && rmdir {DISK}'")


@pytest.mark.parametrize(
    ("place", "without", "outcome", "failed"),
    [
        # First, as what is written for a slot stays: later there would be nothing to write.
        ("/srv/manacore/secrets", "true", "failed", "start new slots"),
        # Where Docker puts what it downloads.
        ("/var/lib/docker/tmp", "true", "failed", "start new slots"),
        ("/srv/manacore/edge-slots", f"rm -rf $({IDLE_SETS})", "rolled-back", "flip"),
    ],
)
def test_a_full_disk_leaves_the_old_version_and_is_said_with_its_remedy(
    platform: Platform, place: str, without: str, outcome: str, failed: str
) -> None:
    # A version of its own for each: what is there already is not pulled.
    tag = f"main-{uuid.uuid4().hex[:7]}"
    push(platform, f"{BACKEND}={tag}")
    before = live(platform, BACKEND)
    with unharmed(platform), full(platform, place, without):
        done = receipt(platform, "release", f"{BACKEND}={tag}", "--watch", "0", code=1)
        assert answers(platform, BACKEND) == OLD

    assert done["outcome"] == outcome, done["reason"]
    assert [step["name"] for step in done["steps"] if step["outcome"] == "failed"] == [failed]
    assert "A disk is full." in done["reason"]
    assert f"main: 0 B of 8 MB free in {DISK}" in done["reason"]
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
