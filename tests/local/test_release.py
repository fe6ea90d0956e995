"""Releases on the local cloud, under load: nothing is lost, and what is bad is taken back."""

from __future__ import annotations

import time

import pytest

from tests.local.platform import Platform
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

pytestmark = pytest.mark.local


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
    assert [step["name"] for step in back["steps"]] == ["flip", "record"]
    assert seconds < 60, "a rollback is a matter of seconds"
    assert live(platform, WEB) == ("blue", OLD)
    assert platform.preview() == {}


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        ("unhealthy", "503"),
        pytest.param("stuck", "refused", marks=pytest.mark.full),
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


@pytest.mark.full
def test_a_version_that_crashes_is_given_up_or_switched_back(platform: Platform) -> None:
    tag = "main-2222222-crash"
    push(platform, f"{WEB}={tag}")
    with under_load(platform, WEB) as sent:
        done = receipt(platform, "release", f"{WEB}={tag}", code=1)

    # It may be healthy for a moment: then it is switched to, and back.
    assert sent.lost == 0, sent.told
    assert done["outcome"] in ("failed", "rolled-back"), done["reason"]
    assert WEB in done["reason"]
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


def test_an_up_with_an_older_ledger_is_refused_and_the_new_version_goes_on_answering(
    platform: Platform,
) -> None:
    tag = "main-5555555"
    push(platform, f"{WEB}={tag}")
    receipt(platform, "release", f"{WEB}={tag}", "--watch", "0")
    # As on a machine where nobody pulled.
    told = Platform().refused("up")

    assert f"{WEB}: " in told
    assert "./manacore up --flip" in told
    assert answers(platform, WEB) == tag
    assert platform.preview() == {}
    receipt(platform, "rollback", WEB)
    assert answers(platform, WEB) == OLD


@pytest.mark.full
def test_killed_in_any_step_the_old_version_answers_and_the_next_command_converges(
    platform: Platform,
) -> None:
    tag = "main-4444444"
    push(platform, f"{WEB}={tag}")
    for step in ("start new slots", "smoke tests", "flip", "record", "watch"):
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
