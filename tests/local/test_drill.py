"""The disaster drill on the local cloud: what is lost is lost for real, and comes back."""

from __future__ import annotations

import json

import pytest

from catalog import load_catalog
from tests.local.platform import Answer, Platform, hetzner
from tests.support.platform import ROOT

pytestmark = [pytest.mark.local, pytest.mark.full]

STAGING = Platform()
SECRETS = "sudo find /srv/manacore/secrets -type f -exec sha256sum {} + | sort -k 2"
HOST_KEY = "sudo sha256sum /etc/ssh/ssh_host_ed25519_key"


@pytest.fixture(scope="module", autouse=True)
def up() -> None:
    """The platform, up."""
    STAGING.up()


def drill(variant: str) -> Answer:
    """A drill whose report has no problem; its figures are printed."""
    report = STAGING.manacore("drill", "rebuild", "--variant", variant)
    lines = [f"{step['seconds']:8.1f} s  {step['name']}" for step in report["steps"]]
    print(  # noqa: T201 - figures are what a drill is for
        f"\n{variant}: RTO {report['rto_seconds']} s, RPO {report['rpo_seconds']} s,"
        f" {report['rows_compared']} rows in {report['tables_compared']} tables",
        *lines,
        sep="\n",
    )
    assert report["problems"] == []
    assert (report["healthy"], report["services"]) == (39, 39)
    assert report["changes"] == {}
    assert report["differing"] == []
    databases = len(load_catalog().databases)
    assert report["rows_written"] == 540 * databases
    assert report["rows_compared"] >= 520 * databases
    files = sorted((ROOT / "drills" / "staging").glob(f"*-{variant}.json"))
    assert json.loads(files[-1].read_text()) == report
    return report


def lost_at_most_a_minute(report: Answer) -> None:
    """Only of the last rows, which may not have been archived yet, any can be lost."""
    assert report["rows_lost"] <= 20 * len(load_catalog().databases)
    assert report["rpo_seconds"] <= 90, "a segment's time, and the way into the bucket"


def identity() -> tuple[str, str]:
    """What a rebuilt stack must have again: the passwords and the key that it is known by."""
    return STAGING.remote(SECRETS), STAGING.remote(HOST_KEY)


def test_a_lost_server_loses_no_row() -> None:
    before, server = identity(), hetzner("servers")[0]["id"]
    report = drill("server")
    assert hetzner("servers")[0]["id"] != server
    assert (report["rows_lost"], report["rpo_seconds"]) == (0, 0)
    assert report["same_certificate"] is True
    assert identity() == before


def test_a_lost_state_comes_from_the_bucket() -> None:
    before, server = STAGING.state(), hetzner("servers")[0]["id"]
    report = drill("state")
    assert hetzner("servers")[0]["id"] == server, "nothing was made again"
    assert (report["rows_lost"], report["rpo_seconds"]) == (0, 0)
    assert {str(one["urn"]) for one in STAGING.state()} == {str(one["urn"]) for one in before}


def test_everything_but_the_bucket_is_lost_and_every_row_of_the_archive_is_back() -> None:
    before = identity()
    volume, network = hetzner("volumes")[0]["id"], hetzner("networks")[0]["id"]
    report = drill("everything")
    lost_at_most_a_minute(report)
    assert volume not in [one["id"] for one in hetzner("volumes")]
    assert network not in [one["id"] for one in hetzner("networks")]
    assert identity() == before, "what services signed is still theirs"


def test_a_lost_volume_is_filled_from_the_archive() -> None:
    report = drill("volume")
    lost_at_most_a_minute(report)
