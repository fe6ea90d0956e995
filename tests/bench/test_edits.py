"""The edits by which an edge becomes another one, on a copy of the real files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import edits
from bench.edits import ALWAYS_RENEWED, ANOTHER_IMAGE, ANOTHER_TIMING, Edit
from tests.support.platform import ROOT

ALL = (*ANOTHER_TIMING, *ANOTHER_IMAGE, *ALWAYS_RENEWED)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for edit in ALL:
        place = tmp_path / edit.file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / edit.file, place)
    return tmp_path


def test_all_can_be_made_and_taken_back(tree: Path) -> None:
    edits.make(tree, *ALL)
    for edit in ALL:
        assert edit.new in (tree / edit.file).read_text()
    edits.take_back(tree, *ALL)
    for edit in ALL:
        assert (tree / edit.file).read_text() == (ROOT / edit.file).read_text()


def test_what_is_not_there_is_said(tree: Path) -> None:
    with pytest.raises(ValueError, match="has no 'nowhere'"):
        Edit(ALL[0].file, "nowhere", "somewhere").make(tree)
