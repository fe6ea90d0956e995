"""The outer Docker daemon."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from localcloud import docker_daemon
from localcloud.docker_daemon import DockerDaemon, docker_rules
from localcloud.home import Home

LISTING = """\
-P FORWARD DROP
-N DOCKER
-N DOCKER-USER
-N mine
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A DOCKER-USER -j RETURN
-A FORWARD -s 10.9.9.9/32 -j DROP
-A mine -j RETURN
"""


def test_the_daemons_rules_are_told_from_everybody_elses() -> None:
    rules, chains = docker_rules(LISTING)
    assert chains == ["DOCKER", "DOCKER-USER"]
    assert len(rules) == 4
    assert not any("10.9.9.9/32" in rule or "mine" in rule for rule in rules)


def test_a_running_daemon_is_used_and_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = DockerDaemon(Home(tmp_path))
    monkeypatch.setattr(DockerDaemon, "answers", Mock(return_value=True))
    assert daemon.ensure() == "already running"
    assert daemon.stop() is False


def test_a_daemon_that_does_not_come_up_is_reported_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "bin" / "dockerd"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\necho no space left; exit 1\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}:/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.setattr(DockerDaemon, "answers", Mock(return_value=False))
    monkeypatch.setattr(docker_daemon, "SYSTEMD", tmp_path / "no-systemd")
    monkeypatch.setattr(docker_daemon, "PID_FILE", tmp_path / "docker.pid")
    with pytest.raises(docker_daemon.DaemonError, match="no space left"):
        DockerDaemon(Home(tmp_path)).ensure(timeout=10)
