"""A canary and maintenance on the local cloud: by files that the edge reads, without a reload."""

from __future__ import annotations

import pytest

from tests.local.platform import Platform, get
from tests.local.releases import (
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

PERCENT = 20
TRIAL = ("--canary", str(PERCENT), "--canary-seconds", "20", "--watch", "10")


def test_a_canary_gets_its_share_and_then_everybody(platform: Platform) -> None:
    tag = "main-ca11111"
    push(platform, f"{WEB}={tag}")
    with under_load(platform, WEB) as sent:
        done = receipt(platform, "release", f"{WEB}={tag}", *TRIAL)

    assert sent.lost == 0, sent.told
    assert done["outcome"] == "released", done["reason"]
    new, old = (done["canary"][side][WEB]["requests"] for side in ("new", "live"))
    assert new + old > 1000
    assert PERCENT / 2 < 100 * new / (new + old) < 2 * PERCENT
    assert answers(platform, WEB) == tag
    assert platform.preview() == {}
    receipt(platform, "rollback", WEB)


def test_a_bad_canary_loses_its_share_and_is_never_live(platform: Platform) -> None:
    tag = "main-ca22222-errors10"
    push(platform, f"{WEB}={tag}")
    with under_load(platform, WEB):
        done = receipt(platform, "release", f"{WEB}={tag}", *TRIAL, code=1)

    assert done["outcome"] == "rolled-back"
    assert done["canary"]["breaches"]
    assert done["canary"]["taken_back_seconds"] < 60
    assert "flip" not in [step["name"] for step in done["steps"]]
    assert live(platform, WEB)[1] == OLD
    assert answers(platform, WEB) == OLD
    assert platform.preview() == {}


def test_killed_during_a_canary_nobody_is_left_with_it(platform: Platform) -> None:
    tag = "main-ca33333"
    push(platform, f"{WEB}={tag}")
    trial = ("--canary", "50", "--canary-seconds", "60")
    assert platform.killed_when(
        lambda: running(platform.root) == "watch canary", "release", f"{WEB}={tag}", *trial
    )

    platform.up()
    assert platform.preview() == {}
    assert {answers(platform, WEB) for _ in range(20)} == {OLD}
    assert platform.manacore("history")["receipts"][0]["outcome"] == "interrupted"


def test_a_service_under_maintenance_says_so_until_it_is_over(platform: Platform) -> None:
    outputs = platform.outputs()
    address = outputs["servers"]["main"]["ipv4"]
    host = outputs["urls"][WEB].removeprefix("https://")
    platform.manacore("maintenance", WEB, "--on", "--message", "Back at noon.")
    status, body = get(address, host, "/")
    assert (status, "Back at noon." in body) == (503, True)
    assert platform.preview() == {}

    platform.manacore("maintenance", WEB, "--off")
    assert get(address, host, "/version")[0] == 200
    assert platform.preview() == {}
