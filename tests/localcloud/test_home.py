"""The home of the local cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.home import Home


def test_home_is_in_the_users_cache_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MANACORE_HOME", raising=False)
    assert Home.from_environment().root == tmp_path / ".cache" / "manacore"


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    home = Home.from_environment({"MANACORE_HOME": str(tmp_path / "there")})
    assert home.root == tmp_path / "there"
    assert home.engine == tmp_path / "there" / "engine"


def test_an_empty_variable_is_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.from_environment({"MANACORE_HOME": " "}).root.parent == tmp_path / ".cache"


def test_all_that_goes_with_the_local_cloud_is_below_its_local_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    rooms = [home.keys, home.logs, home.run, home.state, home.stack("staging")]
    assert all(room.is_relative_to(home.local) for room in rooms)
    assert not home.images.is_relative_to(home.local)
