"""Set-up before the virtual environment exists."""

from __future__ import annotations

import io
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from localcloud import engine, packages, preflight, setup
from localcloud.home import Home
from localcloud.steps import Steps


def test_everything_that_is_lacking_is_said_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = [preflight.Problem(what="too little memory", remedy="use a larger machine")]
    monkeypatch.setattr(preflight, "problems", Mock(return_value=lacking))
    monkeypatch.setattr(packages, "install", Mock(side_effect=AssertionError("installed")))
    with pytest.raises(setup.SetupError, match=r"(?s)too little memory.*larger machine"):
        setup.set_up("local", Home(tmp_path), Steps(out=io.StringIO()), tmp_path)


def test_who_is_not_root_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [packages.Package(name="python3-venv", purpose="x", present=lambda: False)]
    monkeypatch.setattr(setup, "wanted_packages", Mock(return_value=wanted))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(setup.SetupError, match="apt-get install python3-venv"):
        setup.set_up("tools", Home(tmp_path), Steps(out=io.StringIO()), tmp_path)


def test_the_environment_is_made_once_and_again_when_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def record(command: list[str]) -> None:
        commands.append(command)
        python = tmp_path / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(setup, "_run", record)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("a==1\n")
    steps = Steps(out=io.StringIO())
    setup.environment_of(tmp_path, steps)
    assert len(commands) == 2
    setup.environment_of(tmp_path, steps)
    assert len(commands) == 2, "nothing to do"
    requirements.write_text("a==2\n")
    setup.environment_of(tmp_path, steps)
    assert len(commands) == 4


def test_packages_are_wanted_only_when_what_they_bring_is_absent() -> None:
    there = packages.Package(name="there", purpose="x", present=lambda: True)
    absent = packages.Package(name="absent", purpose="x", present=lambda: False)
    assert packages.missing([there, absent]) == [absent]


@pytest.mark.parametrize(
    ("known", "installed"), [("docker.io", "docker.io"), ("docker-cli", "docker.io docker-cli")]
)
def test_a_package_that_this_release_has_inside_another_one_is_not_asked_for(
    known: str, installed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    for name, body in {
        "apt-cache": f'[ "$2" = {known} ]',
        "apt-get": f'echo "$@" >>{asked}',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    docker = [p for p in packages.LOCAL if p.name in {"docker.io", "docker-cli"}]

    packages.install(docker)

    update, install = asked.read_text().splitlines()
    assert update.startswith("update")
    assert install.endswith(f"--no-install-recommends {installed}")


@pytest.mark.parametrize("purpose", ["tools", "local", "engine"])
def test_the_engine_is_got_where_it_is_the_purpose(
    purpose: setup.Purpose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = Mock()
    monkeypatch.setattr(engine, "ensure", got)
    monkeypatch.setattr(preflight, "problems", Mock(return_value=[]))
    monkeypatch.setattr(setup, "wanted_packages", Mock(return_value=[]))
    monkeypatch.setattr(setup, "environment_of", Mock(return_value=Path("python")))
    setup.set_up(purpose, Home(tmp_path), Steps(out=io.StringIO()), tmp_path)
    assert got.called is (purpose == "engine")


def test_the_compiler_is_wanted_where_the_engine_has_to_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "missing", Mock(return_value=[]))
    monkeypatch.setattr(engine, "needs_go", Mock(return_value=True))
    assert setup.wanted_packages("tools", Home(tmp_path)) == []
    assert setup.wanted_packages("engine", Home(tmp_path)) == [packages.GOLANG]


def test_an_unknown_purpose_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert setup.main(["everything"]) == 1
    assert "One of tools, engine, local." in capsys.readouterr().err


def test_set_up_needs_nothing_but_the_standard_library() -> None:
    known = {"localcloud"}
    for module in ("setup", "packages", "preflight", "engine", "home", "steps"):
        source = (setup.ROOT / "localcloud" / f"{module}.py").read_text()
        for line in source.splitlines():
            if line.startswith(("import ", "from ")):
                root = line.split()[1].split(".")[0]
                assert root in known or root in __import__("sys").stdlib_module_names, line
