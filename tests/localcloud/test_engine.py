"""Finding the engine."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from localcloud import engine
from localcloud.home import Home


def _fake(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_the_engine_on_path_is_used_when_it_is_recent_enough(tmp_path: Path) -> None:
    on_path = _fake(tmp_path / "bin" / "pulumi", "v3.250.0")
    home = Home(tmp_path / "home")
    _fake(home.engine / "pulumi", "v3.274.1")
    assert engine.find(home, {"PATH": str(on_path.parent)}) == on_path


def test_an_old_engine_on_path_gives_way_to_our_own(tmp_path: Path) -> None:
    old = _fake(tmp_path / "bin" / "pulumi", "v3.100.0")
    home = Home(tmp_path / "home")
    assert engine.find(home, {"PATH": str(old.parent)}) is None
    ours = _fake(home.engine / "pulumi", "v3.274.1")
    assert engine.find(home, {"PATH": str(old.parent)}) == ours


def test_a_binary_that_does_not_run_is_no_engine(tmp_path: Path) -> None:
    broken = tmp_path / "pulumi"
    broken.write_text("not a program")
    assert engine.version_of(broken) is None
    assert engine.version_of(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.19 linux/amd64", (1, 19)),
        ("command not found", None),
    ],
)
def test_the_version_of_go_is_read(told: str, found: tuple[int, int] | None) -> None:
    assert engine.go_version(told) == found


def test_the_installer_is_preferred_to_building(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    said: list[str] = []

    def install(home: Home) -> None:
        _fake(home.engine / "pulumi", "v3.274.1")

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(engine, "_reachable", Mock(return_value=True))
    monkeypatch.setattr(engine, "_install", install)
    assert engine.ensure(home, said.append) == home.engine / "pulumi"
    assert "official installer" in said[0]


def test_without_installer_and_go_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "_reachable", Mock(return_value=False))
    assert engine.needs_go(Home(tmp_path))
    with pytest.raises(engine.EngineError, match=r"Go 1\.21 or newer"):
        engine.ensure(Home(tmp_path), print)
