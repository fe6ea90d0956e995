"""How a full disk is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.failures import OpsError
from ops.release import disk
from tests.ops.release.test_server import path, program, server

__all__ = ["path", "server"]

HEAD = "1B-blocks Avail Inodes IFree Mounted on\n"
ROOT = "40000000000 {free} 2500000 2400000 /\n"
SAID = "chat-green-image: write /var/lib/docker/tmp/x: no space left on device"


def servers(told: str | OpsError) -> Any:
    def disks() -> str:
        if isinstance(told, OpsError):
            raise told
        return HEAD + told

    return [SimpleNamespace(name="main", disks=disks)]


def said(told: str | OpsError) -> OpsError:
    return disk.explained(OpsError("flip failed:", [SAID]), servers(told), "staging")


@pytest.mark.parametrize(
    ("text", "full"),
    [(SAID, True), ("OSError: [Errno 28] No space left on device", True), ("timed out", False)],
)
def test_a_full_disk_is_known_by_what_the_kernel_says(text: str, full: bool) -> None:
    assert disk.is_full(OpsError("up failed:", [text])) is full


def test_figures_and_remedy_stand_before_what_was_said() -> None:
    error = said(ROOT.format(free=120000000) + "1000000 900000 0 0 /run\n")
    assert error.message == "flip failed: A disk is full."
    assert error.details[0] == "main: 120 MB of 40.0 GB free in /"
    assert "./manacore retire --stack staging" in error.details[1]
    assert error.details[2] == SAID


def test_a_disk_without_inodes_is_full_however_much_space_it_has() -> None:
    told = "40000000000 30000000000 2500000 3 /srv/my disk\n" + ROOT.format(free=30000000000)
    (line, _, _) = said(told).details
    assert line == "main: 30.0 GB of 40.0 GB free in /srv/my disk, 3 of 2500000 inodes (files)"


def test_when_nothing_is_full_any_more_the_fullest_is_told() -> None:
    told = ROOT.format(free=4000000000) + "1000 900 - - /run\n- - - - /proc\n"
    assert said(told).details[0] == "main: 4.0 GB of 40.0 GB free in /"


def test_a_disk_at_several_places_is_told_once() -> None:
    told = "".join(ROOT.format(free=0).replace(" /\n", f" {p}\n") for p in ("/mnt/a", "/", "/b/c"))
    assert [str(one) for one in disk.scarce(HEAD + told)] == ["0 B of 40.0 GB free in /"]


def test_a_server_that_cannot_be_asked_hides_no_failure() -> None:
    error = said(OpsError("deploy@198.51.100.10 cannot be reached by ssh."))
    assert error.details[0].startswith("main: its disks are not known: deploy@")
    assert error.details[2] == SAID


def test_the_real_df_of_a_server_is_read(path: Any, server: Any) -> None:
    program(path, "sudo", 'exec "$@"')
    found = disk.scarce(cast("str", server.disks()))
    assert found
    assert all(0 <= one.left <= 1 and one.place.startswith("/") for one in found)
