"""Releases on the local cloud, under load: nothing is lost, and what is bad is taken back."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import httpx
import pytest

from bench import load as loads
from bench.load import Load
from tests.local.platform import Answer, Platform, changed_tree

pytestmark = pytest.mark.local

OLD = "main-4f1c2ab"
WEB, BACKEND = "chat-web", "chat-backend"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """The platform in a tree of its own, since releases write ledger and receipts."""
    loads.install()
    there = Platform(root=changed_tree(tmp_path_factory.mktemp("tree"), {}))
    there.up()
    yield there
    # What comes after finds the committed ledger's versions live.
    Platform().up()


def push(platform: Platform, *versions: str) -> None:
    """Make images, as a build would."""
    subprocess.run(["./manacore", "images", *versions], cwd=platform.root, check=True, timeout=300)


def live(platform: Platform, service: str) -> tuple[str, str]:
    """Slot and tag that are live, by the ledger's word."""
    found = next(s for s in platform.outputs()["services"] if s["name"] == service)
    return found["slot"], str(found["image"]).partition("@")[0].rpartition(":")[2]


def answers(platform: Platform, service: str) -> str:
    """The version that answers at the public name."""
    outputs = platform.outputs()
    host = outputs["urls"][service].removeprefix("https://")
    address = outputs["servers"]["main"]["ipv4"]
    # The local cloud's authority is its edge's own.
    with httpx.Client(verify=False, timeout=30) as client:  # noqa: S501
        told = client.get(
            f"https://{address}/version",
            headers={"Host": host},
            extensions={"sni_hostname": host},
        )
    return str(told.raise_for_status().json()["version"])


def receipt(platform: Platform, *arguments: str, code: int = 0) -> Answer:
    """Run a release or a rollback; its receipt."""
    return platform.manacore(*arguments, code=code)


def under_load(platform: Platform, service: str) -> AbstractContextManager[Load]:
    """200 requests a second to a service through the edge."""
    outputs = platform.outputs()
    host = outputs["urls"][service].removeprefix("https://")
    return loads.load(outputs["servers"]["main"]["ipv4"], host, "/version")


def test_a_release_and_its_rollback_lose_no_request(platform: Platform) -> None:
    push(platform, f"{WEB}=main-1111111", f"{BACKEND}=main-1111111")
    with under_load(platform, WEB) as sent:
        new = [f"{WEB}=main-1111111", f"{BACKEND}=main-1111111"]
        done = receipt(platform, "release", *new, "--watch", "20")
        assert done["outcome"] == "released", done
        assert answers(platform, WEB) == "main-1111111"
        begun = time.monotonic()
        back = receipt(platform, "rollback")
        seconds = time.monotonic() - begun
        assert answers(platform, WEB) == OLD

    assert sent.lost == 0, sent.told
    assert sent.answered > 2000
    assert (done["prober"]["failed"], back["outcome"]) == (0, "rolled-back")
    assert done["prober"]["sent"] > 100
    # The old slots were warm: no container was started.
    assert [step["name"] for step in back["steps"]] == ["flip"]
    assert seconds < 60, "a rollback is a matter of seconds"
    assert live(platform, WEB) == ("blue", OLD)
    assert platform.preview() == {}


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        ("unhealthy", "503"),
        pytest.param("stuck", "refused", marks=pytest.mark.full),
        pytest.param("crash", WEB, marks=pytest.mark.full),
    ],
)
def test_a_version_that_never_gets_healthy_is_never_live(
    platform: Platform, defect: str, said: str
) -> None:
    push(platform, f"{WEB}=main-2222222-{defect}")
    with under_load(platform, WEB) as sent:
        done = receipt(platform, "release", f"{WEB}=main-2222222-{defect}", code=1)

    assert sent.lost == 0, sent.told
    assert done["outcome"] == "failed"
    assert said in done["reason"]
    assert answers(platform, WEB) == OLD
    assert platform.preview() == {}


def test_a_version_that_answers_errors_is_switched_back_by_the_watch(platform: Platform) -> None:
    push(platform, f"{WEB}=main-3333333-errors10")
    with under_load(platform, WEB):
        done = receipt(platform, "release", f"{WEB}=main-3333333-errors10", code=1)

    assert done["outcome"] == "rolled-back"
    assert "5xx" in done["reason"] or "error" in done["reason"], done["reason"]
    assert done["watch"]["detected_seconds"] < 60
    assert done["watch"]["rolled_back_seconds"] < 60
    assert answers(platform, WEB) == OLD


def test_an_image_that_does_not_exist_is_refused_before_anything_is_touched(
    platform: Platform,
) -> None:
    told = platform.refused("release", f"{WEB}=main-0000000", f"{BACKEND}=main-0000001")

    assert "main-0000000" in told
    assert "main-0000001" in told
    assert live(platform, WEB) == ("blue", OLD)


@pytest.mark.full
def test_killed_in_any_step_the_old_version_answers_and_the_next_command_converges(
    platform: Platform,
) -> None:
    tag = "main-4444444"
    push(platform, f"{WEB}={tag}")
    for step in ("start new slots", "smoke tests", "flip", "watch"):
        killed = platform.killed_when(
            lambda step=step: running(platform.root) == step,
            "release",
            f"{WEB}={tag}",
            "--watch",
            "60",
        )
        assert killed, step
        assert answers(platform, WEB) in (OLD, tag)
        platform.up()
        assert platform.preview() == {}
        history = platform.manacore("history")
        assert history["receipts"][0]["outcome"] == "interrupted"
        if live(platform, WEB)[1] == tag:
            receipt(platform, "rollback", WEB)
        assert answers(platform, WEB) == OLD


def running(root: Path) -> str | None:
    """The step of the release that is under way."""
    for file in sorted((root / "receipts" / "staging").glob("*.json"), reverse=True):
        found = cast("Answer", json.loads(file.read_text()))
        if found["outcome"] == "running":
            return str(found["reason"])
    return None
