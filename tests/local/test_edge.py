"""The edge on the local cloud: it is replaced under load, and comes back whatever happens to it."""

from __future__ import annotations

import json
import time

import pytest

from bench import edits
from bench.callers import Door
from bench.edges import renewed
from bench.edits import ALWAYS_RENEWED, ANOTHER_IMAGE, ANOTHER_TIMING, CADDY
from localcloud.processes import wait_until
from tests.local.platform import PATIENCE, Platform, get, hetzner
from tests.local.releases import WEB
from tests.local.unharmed import unharmed

pytestmark = [pytest.mark.local, pytest.mark.full]

EDGES = "docker ps --all --filter label=manacore.edge --format '{{.Names}} {{.State}}'"


def edges(platform: Platform) -> list[str]:
    """The edges of the server, with their states."""
    return platform.remote(EDGES).splitlines()


def test_another_configuration_and_another_image_lose_no_request(platform: Platform) -> None:
    (first,) = edges(platform)
    with unharmed(platform):
        edits.make(platform.root, *ANOTHER_TIMING)
        platform.up()
        (second,) = edges(platform)
        assert second != first
        edits.make(platform.root, *ANOTHER_IMAGE)
        platform.up()
        (third,) = edges(platform)
        assert third != second
    assert platform.preview() == {}
    assert platform.preview("--refresh") == {}
    image = platform.remote(f"docker inspect --format '{{{{.Image}}}}' {third.split()[0]}")
    assert f"caddy:{CADDY}-again" in platform.remote(
        f"docker image inspect --format '{{{{.RepoTags}}}}' {image.strip()}"
    )
    edits.take_back(platform.root, *ANOTHER_TIMING, *ANOTHER_IMAGE)
    with unharmed(platform):
        platform.up()
    assert edges(platform) == [first]


def test_certificates_are_renewed_without_a_lost_request(platform: Platform) -> None:
    edits.make(platform.root, *ALWAYS_RENEWED)
    platform.up()
    with unharmed(platform):
        renewed(Door.of(platform.outputs()))
    edits.take_back(platform.root, *ALWAYS_RENEWED)
    platform.up()


def test_killed_between_the_new_edge_and_the_end_of_the_old_one_the_next_up_converges(
    platform: Platform,
) -> None:
    (first,) = edges(platform)
    edits.make(platform.root, *ANOTHER_TIMING)
    with unharmed(platform):
        assert platform.killed_when(lambda: len(edges(platform)) == 2, "up")
        platform.up()
    (second,) = edges(platform)
    assert second != first
    assert platform.preview() == {}
    edits.take_back(platform.root, *ANOTHER_TIMING)
    platform.up()
    assert edges(platform) == [first]


def test_an_edge_whose_holder_is_restarted_by_hand_follows_it(platform: Platform) -> None:
    platform.remote("docker restart --time 5 edge-holder")
    assert wait_until(lambda: _answers(platform), 60, every=1)
    assert platform.manacore("status")["healthy"] == 39
    assert platform.preview() == {}


def test_on_call_makes_holder_and_edge_again_with_docker_alone(platform: Platform) -> None:
    (edge,) = (line.split()[0] for line in edges(platform))
    compose = "docker compose -f /srv/manacore/compose/compose.yaml up -d --wait"
    platform.remote(f"docker rm --force {edge} && {compose} --no-deps {edge}")
    assert _answers(platform)
    platform.remote(f"docker rm --force {edge} edge-holder && {compose} {edge}")
    assert _answers(platform)
    platform.remote(f"docker rm --force {edge} edge-holder")
    platform.up()
    assert platform.preview() == {}


def test_after_a_reboot_everything_runs_again(platform: Platform) -> None:
    server = platform.outputs()["servers"]["main"]["id"]
    begun = time.monotonic()
    hetzner(f"servers/{server}/actions/reset", method="POST")
    assert wait_until(lambda: _answers(platform), PATIENCE, every=2)
    assert wait_until(
        lambda: platform.attempt("status").returncode == 0, PATIENCE - (time.monotonic() - begun), 5
    )
    assert platform.preview() == {}


def test_what_docker_gave_up_after_a_boot_is_started(platform: Platform) -> None:
    (edge,) = (line.split()[0] for line in edges(platform))
    # As after a boot in the wrong order: the edge is told to start while there is no network.
    told = platform.remote(
        f"docker stop --time 5 edge-holder {edge} >/dev/null;"
        f"docker start {edge} 2>&1; docker inspect --format '{{{{json .State}}}}' {edge};"
        "docker start edge-holder; sudo systemctl restart manacore-start-containers"
    )
    state = next(json.loads(line) for line in told.splitlines() if line.startswith("{"))
    assert "network" in state["Error"], told
    assert wait_until(lambda: _answers(platform), 60, every=1)


def _answers(platform: Platform) -> bool:
    outputs = platform.outputs()
    host = outputs["urls"][WEB].removeprefix("https://")
    try:
        return get(outputs["servers"]["main"]["ipv4"], host, "/version")[0] == 200
    except (OSError, IndexError):
        return False
