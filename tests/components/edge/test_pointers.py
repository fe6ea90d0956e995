"""Pointers: what the remote script does, run for real in a folder of its own."""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge import pointers
from components.edge.pointers import Pointers

BLUE = {"one": "one-blue:3001", "two": "two-blue:3002"}
GREEN = {"one": "one-green:3001", "two": "two-green:3002"}
NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)

# Ends the script, as a lost server would, before its step of that number in the folder.
_KILLED = """\
import os, sys
left = int(sys.argv.pop())
def step(event, args):
    global left
    if event in {known} and str(args[0]).startswith(sys.argv[1]):
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(step)
"""
_CALLS = ("chmod", "mkdir", "remove", "rename", "rmdir", "symlink", "utime")
_STEPS = ("open", *(f"os.{call}" for call in _CALLS))


def flip(
    folder: Path,
    live: dict[str, str],
    gates: dict[str, str] | None = None,
    *,
    steps: int | None = None,
    full: bool = False,
) -> int:
    """Run the script and return its exit code; with `steps`, for only so many.

    On a disk that is `full` no byte of a file can be written.
    """
    killed = "" if steps is None else _KILLED.replace("{known}", str(_STEPS))
    last = [] if steps is None else [str(steps)]
    return subprocess.run(
        [sys.executable, "-c", killed + pointers.REMOTE_FLIP, folder, *last],
        input=Pointers(dials=live, gates=gates or {}).bundle,
        text=True,
        check=False,
        preexec_fn=_nothing_fits if full else None,
    ).returncode


def _nothing_fits() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def live(folder: Path) -> dict[str, str]:
    """The pointers; gates have tests of their own."""
    found = (folder / "live").iterdir()
    return {file.name: file.read_text() for file in found if file.suffix != ".gate"}


def sets(folder: Path) -> set[str]:
    return {place.name for place in (folder / "sets").iterdir()}


def test_each_service_has_a_file_with_its_address_and_nothing_else(tmp_path: Path) -> None:
    assert flip(tmp_path, BLUE) == 0
    assert (tmp_path / "live" / "one").read_bytes() == b"one-blue:3001"
    assert {file.name for file in (tmp_path / "live").iterdir()} == {
        *BLUE,
        "one.gate",
        "two.gate",
    }
    assert live(tmp_path) == BLUE


def test_a_server_without_such_services_has_an_empty_set(tmp_path: Path) -> None:
    assert flip(tmp_path, {}) == 0
    assert live(tmp_path) == {}


def test_gates_are_in_the_set_of_the_pointers(tmp_path: Path) -> None:
    def gates() -> list[str]:
        return [(tmp_path / "live" / f"{name}.gate").read_text() for name in BLUE]

    flip(tmp_path, BLUE, {"one": "maintenance Übung"})
    assert gates() == ["maintenance Übung", ""]
    flip(tmp_path, BLUE)
    assert gates() == ["", ""]
    assert len(sets(tmp_path)) == 2


def test_the_edges_own_user_may_read_them_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        flip(tmp_path, BLUE)
    finally:
        os.umask(before)
    place = tmp_path / "live"
    assert [p.stat().st_mode & 0o777 for p in (place.parent / "sets", place)] == [0o755] * 2
    assert {p.stat().st_mode & 0o777 for p in place.iterdir()} == {0o444}


def test_the_link_holds_in_the_container_too_where_the_folder_has_another_path(
    tmp_path: Path,
) -> None:
    flip(tmp_path, BLUE)
    assert (tmp_path / "live").readlink() == Path("sets", Pointers(dials=BLUE).digest)


def test_a_reader_that_followed_the_link_finds_its_file_after_the_flip(tmp_path: Path) -> None:
    flip(tmp_path, BLUE)
    followed = (tmp_path / "live").resolve()
    flip(tmp_path, GREEN)
    assert live(tmp_path) == GREEN
    assert (followed / "one").read_text() == "one-blue:3001"


def test_the_live_set_and_the_two_before_it_are_kept(tmp_path: Path) -> None:
    history = [{"one": f"one-blue:{port}"} for port in range(5)]
    for state in history:
        flip(tmp_path, state)
    assert sets(tmp_path) == {Pointers(dials=state).digest for state in history[-3:]}
    # What is live again is the latest, though its set was made long ago.
    flip(tmp_path, history[2])
    flip(tmp_path, history[0])
    kept = (history[0], history[2], history[4])
    assert sets(tmp_path) == {Pointers(dials=state).digest for state in kept}


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    flip(tmp_path, BLUE)
    flip(tmp_path, GREEN)
    before = sets(tmp_path)
    assert flip(tmp_path, GREEN) == 0
    assert (live(tmp_path), sets(tmp_path)) == (GREEN, before)
    assert {p.name for p in tmp_path.iterdir()} == {"live", "sets"}


def test_on_a_full_disk_what_was_live_stays_and_can_be_gone_back_to(tmp_path: Path) -> None:
    flip(tmp_path, GREEN)
    flip(tmp_path, BLUE)
    assert flip(tmp_path, {"one": "one-green:3009"}, full=True) != 0
    assert live(tmp_path) == BLUE
    for before in (BLUE, GREEN):
        assert flip(tmp_path, before, full=True) == 0
        assert live(tmp_path) == before


def test_a_set_that_was_edited_by_hand_is_corrected_before_it_is_live_again(
    tmp_path: Path,
) -> None:
    flip(tmp_path, BLUE)
    edited = (tmp_path / "live").resolve()
    (edited / "one").unlink()
    (edited / "two").unlink()
    (edited / "two").write_text("two-green:3002")
    (edited / "note").write_text("by hand")
    flip(tmp_path, GREEN)
    flip(tmp_path, BLUE)
    assert live(tmp_path) == BLUE


def test_a_bundle_that_is_cut_off_changes_nothing(tmp_path: Path) -> None:
    flip(tmp_path, BLUE)
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [sys.executable, "-c", pointers.REMOTE_FLIP, tmp_path],
            input=Pointers(dials=GREEN).bundle[:-5],
            text=True,
            check=True,
            capture_output=True,
        )
    assert live(tmp_path) == BLUE


@pytest.mark.parametrize("again", [False, True], ids=["new set", "set of before"])
def test_killed_at_any_step_it_leaves_one_set_whole_and_the_next_run_converges(
    tmp_path: Path, again: bool
) -> None:
    ended = 9
    for steps in itertools.count():
        if not ended:
            assert steps > 10
            return
        folder = tmp_path / str(steps)
        folder.mkdir()
        # Three sets, so that there is one to be removed.
        for state in ({"one": "one-blue:1"}, *([GREEN] if again else []), {"two": "x:2"}, BLUE):
            flip(folder, state)
        ended = flip(folder, GREEN, steps=steps)
        assert live(folder) in (BLUE, GREEN), steps
        assert flip(folder, GREEN) == 0
        assert live(folder) == GREEN
        assert len(sets(folder)) == 3
        assert {p.name for p in folder.iterdir()} == {"live", "sets"}
        assert ended in (0, 9)


@given(st.dictionaries(NAMES, NAMES), st.dictionaries(NAMES, NAMES))
def test_a_set_is_named_by_what_it_says_in_any_order(
    one: dict[str, str], other: dict[str, str]
) -> None:
    backwards = dict(reversed(one.items()))
    assert Pointers(dials=one) == Pointers(dials=backwards)
    assert Pointers(dials=one).bundle == Pointers(dials=backwards).bundle
    same = Pointers(dials=one).digest == Pointers(dials=other).digest
    assert same == (one == other)
