"""Files on a server: what the remote script does, run for real in a folder of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.docker import files


def write(folder: Path, content: dict[str, str], mode: str = "0400") -> None:
    bundle = json.dumps({k: base64.b64encode(v.encode()).decode() for k, v in content.items()})
    subprocess.run(
        [sys.executable, "-c", files.REMOTE_WRITE, str(folder), str(os.getuid()), mode],
        input=bundle,
        text=True,
        check=True,
    )


def test_files_are_written_with_their_mode_and_stale_ones_removed(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    write(folder, {"A": "one", "sub/B": "two"})
    write(folder, {"A": "three"})
    assert (folder / "A").read_text() == "three"
    assert (folder / "A").stat().st_mode & 0o777 == 0o400
    assert [p.name for p in folder.rglob("*") if p.is_file()] == ["A"]


def test_the_folder_stays_the_same_one_since_mounts_hold_on_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    write(folder, {"A": "one"}, "0444")
    before = folder.stat().st_ino
    write(folder, {"A": "two"}, "0444")
    assert folder.stat().st_ino == before


def test_a_reader_of_the_old_file_keeps_reading_it(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    write(folder, {"A": "one"}, "0444")
    with (folder / "A").open() as old:
        write(folder, {"A": "two"}, "0444")
        assert old.read() == "one"


def test_a_bundle_that_is_cut_off_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    write(folder, {"A": "one"}, "0444")
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [sys.executable, "-c", files.REMOTE_WRITE, str(folder), str(os.getuid()), "0444"],
            input='{"A": "dHdv',
            text=True,
            check=True,
            capture_output=True,
        )
    assert (folder / "A").read_text() == "one"
