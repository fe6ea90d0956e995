"""Releases that go wrong: whatever happens, the old version answers and nothing is lost."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import httpx
import pytest

from tests.local.platform import Answer, Platform, hetzner
from tests.local.releases import (
    BACKEND,
    OLD,
    WEB,
    answers,
    live,
    push,
    receipt,
    running,
    under_load,
)

pytestmark = [pytest.mark.local, pytest.mark.full]


@pytest.mark.parametrize(
    ("defect", "seen"),
    [("slow", ("p95", "latency")), ("leak", ("restart", "killed", "exit", "health"))],
)
def test_a_version_that_turns_out_bad_is_switched_back(
    platform: Platform, defect: str, seen: tuple[str, ...]
) -> None:
    tag = f"main-5555555-{defect}"
    push(platform, f"{WEB}={tag}")
    with under_load(platform, WEB):
        done = receipt(platform, "release", f"{WEB}={tag}", "--watch", "120", code=1)

    assert done["outcome"] == "rolled-back", done["reason"]
    assert any(word in done["reason"] for word in seen), done["reason"]
    assert done["watch"]["rolled_back_seconds"] < 60
    assert answers(platform, WEB) == OLD
    assert platform.preview() == {}


def test_a_failing_migration_stops_the_whole_set(platform: Platform) -> None:
    tag = "main-6666666"
    push(platform, f"{WEB}={tag}", f"{BACKEND}={tag}-migration")
    with under_load(platform, WEB) as sent:
        done = receipt(platform, "release", f"{WEB}={tag}", f"{BACKEND}={tag}-migration", code=1)

    assert sent.lost == 0, sent.told
    assert done["outcome"] == "failed"
    assert "no_such_table" in done["reason"]
    assert (answers(platform, WEB), answers(platform, BACKEND)) == (OLD, OLD)
    assert platform.preview() == {}


def test_a_migration_runs_before_the_switch(platform: Platform) -> None:
    tag = "main-7777777"
    push(platform, f"{BACKEND}={tag}")
    done = receipt(platform, "release", f"{BACKEND}={tag}", "--watch", "0")

    steps = [step["name"] for step in done["steps"]]
    assert steps.index(f"migrate {BACKEND}") < steps.index("flip")
    asked = 'docker exec postgres psql -U postgres -d chat -Atc "SELECT version FROM migrations"'
    # Releases before this one migrated too.
    assert tag in platform.remote(asked).split()
    assert answers(platform, BACKEND) == tag
    receipt(platform, "rollback", BACKEND)


@pytest.mark.parametrize("step", ["start new slots", "watch"])
def test_the_docker_daemon_restarts_in_the_middle(platform: Platform, step: str) -> None:
    tag = f"main-8888888{'a' if step == 'watch' else 'b'}"
    push(platform, f"{WEB}={tag}")
    with under_load(platform, WEB) as sent:
        release = begun(platform, "release", f"{WEB}={tag}", "--watch", "30")
        until(lambda: running(platform.root) == step, release)
        platform.remote("sudo systemctl restart docker")
        release.wait(timeout=600)

    assert sent.lost == 0, sent.told
    settled(platform, tag)


@pytest.mark.parametrize("step", ["start new slots", "watch"])
def test_the_host_reboots_in_the_middle(platform: Platform, step: str) -> None:
    tag = f"main-9999999{'a' if step == 'watch' else 'b'}"
    push(platform, f"{WEB}={tag}")
    (server,) = hetzner("servers")
    before = (live(platform, WEB)[1], tag)
    release = begun(platform, "release", f"{WEB}={tag}", "--watch", "30")
    until(lambda: running(platform.root) == step, release)
    hetzner(f"servers/{server['id']}/actions/reset", "POST")
    # By itself: no command has run since.
    until(lambda: answered(platform) in before)
    release.wait(timeout=600)
    settled(platform, tag)


def begun(platform: Platform, *arguments: str) -> subprocess.Popen[bytes]:
    """A command that runs beside the test."""
    return subprocess.Popen(
        ["./manacore", *arguments, "--stack", platform.stack, "--local"],
        cwd=platform.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def until(reached: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for a condition; a process that ends before it is a failure."""
    deadline = time.monotonic() + 180
    while not reached():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.1)


def answered(platform: Platform) -> str | None:
    """The version that answers; None while nothing does."""
    try:
        return answers(platform, WEB)
    except (OSError, httpx.HTTPError, subprocess.SubprocessError):
        return None


def settled(platform: Platform, tag: str) -> None:
    """The next command converges, and the release was either finished or taken back."""
    platform.up()
    assert platform.preview() == {}
    found: Answer = platform.manacore("history")["receipts"][0]
    assert found["outcome"] in ("released", "rolled-back", "failed", "interrupted"), found
    if live(platform, WEB)[1] == tag:
        receipt(platform, "rollback", WEB)
    assert answers(platform, WEB) == OLD
