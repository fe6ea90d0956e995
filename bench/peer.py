"""A service as others replace it: containers of one name behind a plain Caddy, on the same server.

`docker compose up --force-recreate` ends the container and then starts its successor.
`docker rollout` (github.com/wowu/docker-rollout) has Compose start a second container of the
service, waits until that is healthy, then stops and removes the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from bench.callers import Door
from bench.platform import Platform
from localcloud.processes import wait_until
from ops.release.probes.target import Target

HOST, PORT = "peer.bench", 8443
_PROJECT = "bench-peer"
_BREAK_GLASS = "/srv/manacore/compose/compose.yaml"
_HEALTHY_SECONDS = 60
# What says where the container is found, and by whom, in the platform.
_OF_THE_PLATFORM = (
    "container_name", "depends_on", "hostname", "labels", "network_mode", "networks", "ports",
)  # fmt: skip
# Dialled by name: Docker tells the addresses of all containers of the service at each connection.
_CADDYFILE = """\
{{
    admin off
    auto_https disable_redirects
}}
https://{host}:{port} {{
    tls internal
    reverse_proxy app:{upstream} {{
        lb_try_duration {retry}s
        lb_try_interval 250ms
    }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The service of a container of the platform, in a Compose project of its own.

    `port` is the service's, `path` that of its health, and `retry` for how many seconds the proxy
    tries again to reach a container; 0: not at all.
    """

    platform: Platform
    container: str
    port: int
    path: str
    retry: int

    def start(self) -> None:
        """Start it, and wait until it answers; raises `TimeoutError` when it does not."""
        self._compose("up --detach --wait")
        if not wait_until(self._answers, _HEALTHY_SECONDS, every=1):
            raise TimeoutError(f"the peer does not answer at port {PORT}")

    def recreate(self) -> None:
        """As `docker compose up -d` does after any change."""
        self._compose("up --detach --wait --no-deps --force-recreate app")

    def rollout(self) -> None:
        """As `docker rollout` does; raises `TimeoutError` when the new one does not get healthy."""
        old = self._ids()
        self._compose(f"up --detach --scale app={2 * len(old)} --no-recreate app")
        new = self._ids() - old
        if not wait_until(lambda: self._healthy(new), _HEALTHY_SECONDS, every=1):
            raise TimeoutError("the second container does not get healthy")
        names = " ".join(old)
        self.platform.remote(f"docker stop {names} && docker rm {names}")

    def remove(self) -> None:
        """Leave nothing of it."""
        self._compose("down --volumes")

    @property
    def door(self) -> Door:
        """Where it is called."""
        address = str(self.platform.outputs["servers"]["main"]["ipv4"])
        target = Target(host=HOST, address=address, port=PORT, path=self.path, verify=False)
        return Door(address=address, port=PORT, kept=HOST, streams=HOST, probed=[target])

    @cached_property
    def _document(self) -> str:
        services = json.loads(self.platform.remote(f"cat {_BREAK_GLASS}"))["services"]
        images = [str(service["image"]) for service in services.values()]
        caddy = next(image for image in images if "/caddy" in image)
        return json.dumps(document(services[self.container], caddy, self.port, self.retry))

    def _compose(self, arguments: str) -> str:
        return self.platform.remote(f"docker compose --file - {arguments}", self._document)

    def _ids(self) -> set[str]:
        return set(self._compose("ps --quiet app").split())

    def _healthy(self, containers: set[str]) -> bool:
        asked = "docker inspect --format '{{.State.Health.Status}}'"
        told = self.platform.remote(f"{asked} {' '.join(containers)}")
        return set(told.split()) == {"healthy"}

    def _answers(self) -> bool:
        try:
            # Its certificate is its own authority's.
            with httpx.Client(verify=False, timeout=5) as client:  # noqa: S501
                told = client.get(
                    f"https://{self.door.address}:{PORT}{self.path}",
                    headers={"Host": HOST},
                    extensions={"sni_hostname": HOST},
                )
        except httpx.HTTPError:
            return False
        return told.is_success


def document(service: Mapping[str, Any], caddy: str, port: int, retry: int) -> dict[str, Any]:
    """The Compose file: the container as the platform has it, behind a proxy."""
    app = {key: value for key, value in service.items() if key not in _OF_THE_PLATFORM}
    return {
        "name": _PROJECT,
        "services": {
            "app": app,
            "door": {
                "image": caddy,
                "command": ["caddy", "run", "--config", "/Caddyfile", "--adapter", "caddyfile"],
                "configs": [{"source": "caddyfile", "target": "/Caddyfile"}],
                "ports": [f"{PORT}:{PORT}"],
            },
        },
        "configs": {
            "caddyfile": {
                "content": _CADDYFILE.format(host=HOST, port=PORT, upstream=port, retry=retry)
            }
        },
    }
