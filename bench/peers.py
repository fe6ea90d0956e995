"""What others' ways to replace the same container lose under the same load."""

from __future__ import annotations

from bench.callers import WEB, Door
from bench.peer import Peer
from bench.platform import Platform
from bench.row import under_load
from catalog import load_catalog

_COMPOSE = "docker compose -f /srv/manacore/compose/compose.yaml up -d --no-deps --wait"


def measured(platform: Platform) -> bool:
    """Measure each; they have no limit to keep."""
    services = platform.manacore("status")["services"]
    container = next(str(s["container"]) for s in services if s["name"] == WEB)
    service = load_catalog()[WEB]
    for retry in (0, 10):
        behind = f"proxy retries {retry} s" if retry else "plain proxy"
        peer = Peer(
            platform=platform,
            container=container,
            port=service.port,
            path=service.health,
            retry=retry,
        )
        peer.start()
        try:
            under_load(peer.door, f"docker rollout, {behind}", peer.rollout).tell()
            under_load(peer.door, f"docker compose up -d, {behind}", peer.recreate).tell()
        finally:
            peer.remove()
    # What its --force-recreate does, which refuses a container that compose has not made.
    recreate = f"docker stop {container} && docker rm {container} && {_COMPOSE} {container}"
    under_load(
        Door.of(platform.outputs),
        "docker compose up -d, our edge",
        lambda: platform.remote(recreate),
    ).tell("(which retries 10 s)")
    return True
