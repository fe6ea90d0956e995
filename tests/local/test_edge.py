"""The edge on the local cloud: it is replaced under load, and comes back whatever happens to it."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench import load
from catalog import load_catalog
from localcloud.processes import wait_until
from ops.release.prober import Prober
from ops.release.probes.pace import Pace
from ops.release.probes.target import Target
from tests.local.platform import PATIENCE, Platform, get, hetzner
from tests.local.releases import BACKEND, WEB

pytestmark = [pytest.mark.local, pytest.mark.full]

EDGES = "docker ps --all --filter label=manacore.edge --format '{{.Names}} {{.State}}'"
CADDY = "2.11.7"


def edges(platform: Platform) -> list[str]:
    """The edges of the server, with their states."""
    return platform.remote(EDGES).splitlines()


def edit(platform: Platform, file: str, old: str, new: str) -> None:
    """Replace a text in the platform's tree."""
    place: Path = platform.root / file
    text = place.read_text()
    assert old in text, f"{file} has no {old!r}"
    place.write_text(text.replace(old, new))


def reset(platform: Platform, *files: str) -> None:
    """Take edits back."""
    for file in files:
        (platform.root / file).write_text((Path(__file__).parents[2] / file).read_text())


@contextmanager
def unharmed(platform: Platform) -> Generator[None]:
    """Callers of every kind, at 200 requests a second, of which none may be lost."""
    outputs = platform.outputs()
    address = outputs["servers"]["main"]["ipv4"]
    hosts = {name: url.removeprefix("https://") for name, url in outputs["urls"].items()}
    catalog = load_catalog()
    probed = [WEB, BACKEND, "wisekeep-backend"]
    targets = [
        Target(
            host=hosts[name],
            address=address,
            path=catalog[name].health,
            verify=False,
            websocket=catalog[name].websockets,
            websocket_path="/ws",
        )
        for name in probed
    ]
    pace = Pace(new_connections_per_second=5, keep_alive_per_second=10, upload_seconds=30)
    with ExitStack() as stack:
        kept = stack.enter_context(load.load(address, hosts[WEB], "/version", per_second=100))
        streams = stack.enter_context(
            load.load(address, hosts[BACKEND], "/version", per_second=100, version="--npn-list=h2")
        )
        prober = stack.enter_context(Prober(targets, pace))
        assert prober.wait_for_each_host(5)
        yield
        # Uploads that began during the change end after it.
        assert prober.wait_for_each_host(5)
    for counted in (kept, streams):
        assert counted.lost == 0, counted.told
        assert counted.answered > 500
    seen = prober.report()
    assert not seen.broken
    assert seen.failed == 0, seen.model_dump_json(indent=1)
    assert all(counts.sent > 0 for counts in seen.kinds.values()), seen.kinds


def test_another_configuration_and_another_image_lose_no_request(platform: Platform) -> None:
    (first,) = edges(platform)
    timing, images, catalog = (
        "components/edge/proxy.py",
        "localcloud/images/infrastructure.py",
        "catalog/services/support.yaml",
    )
    with unharmed(platform):
        edit(platform, timing, "retry: int = 10", "retry: int = 11")
        platform.up()
        (second,) = edges(platform)
        assert second != first
        edit(platform, images, CADDY, f"{CADDY}-again")
        edit(platform, catalog, f"caddy:{CADDY}", f"caddy:{CADDY}-again")
        platform.up()
        (third,) = edges(platform)
        assert third != second
    assert platform.preview() == {}
    assert platform.preview("--refresh") == {}
    image = platform.remote(f"docker inspect --format '{{{{.Image}}}}' {third.split()[0]}")
    assert f"caddy:{CADDY}-again" in platform.remote(
        f"docker image inspect --format '{{{{.RepoTags}}}}' {image.strip()}"
    )
    reset(platform, timing, images, catalog)
    with unharmed(platform):
        platform.up()
    assert edges(platform) == [first]


def test_killed_between_the_new_edge_and_the_end_of_the_old_one_the_next_up_converges(
    platform: Platform,
) -> None:
    (first,) = edges(platform)
    timing = "components/edge/proxy.py"
    edit(platform, timing, "retry: int = 10", "retry: int = 12")
    with unharmed(platform):
        assert platform.killed_when(lambda: len(edges(platform)) == 2, "up")
        platform.up()
    (second,) = edges(platform)
    assert second != first
    assert platform.preview() == {}
    reset(platform, timing)
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
