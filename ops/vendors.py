"""Looking things up at the vendors by what the program called them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from ops.failures import OpsError

Find = Callable[[Mapping[str, Any]], str | None]
# Vendors answer such questions in well under a second; a hanging one must not hang an update.
_TIMEOUT = 20.0
_HCLOUD = {
    "hcloud:index/server:Server": "servers",
    "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
    "hcloud:index/network:Network": "networks",
    "hcloud:index/firewall:Firewall": "firewalls",
    "hcloud:index/volume:Volume": "volumes",
    "hcloud:index/sshKey:SshKey": "ssh_keys",
    "hcloud:index/placementGroup:PlacementGroup": "placement_groups",
}


@dataclass(frozen=True)
class Vendors:
    """Clients of the vendors, with the variables that the plugins use, and the stack's state."""

    variables: Mapping[str, str]
    state: Mapping[str, Any]

    def hcloud(self, collection: str, inputs: Mapping[str, Any]) -> str | None:
        """The id of the thing of that name with those labels.

        A thing of that name that is labelled otherwise is somebody else's.
        """
        base = self.variables.get("HCLOUD_ENDPOINT", "https://api.hetzner.cloud/v1")
        told = self._get(
            f"{base}/{collection}", "HCLOUD_TOKEN", {"name": str(inputs.get("name", ""))}
        )
        for found in cast("list[dict[str, Any]]", told.get(collection, [])):
            if found.get("labels", {}) == (inputs.get("labels") or {}):
                return str(found["id"])
        return None

    def dns_record(self, inputs: Mapping[str, Any]) -> str | None:
        """A Cloudflare record of that name, type and content."""
        zone = str(inputs.get("zoneId", ""))
        query = {"name": str(inputs.get("name", "")), "type": str(inputs.get("type", ""))}
        told = self._get(
            f"{self._cloudflare}/zones/{zone}/dns_records", "CLOUDFLARE_API_TOKEN", query
        )
        for found in cast("list[dict[str, Any]]", told.get("result") or []):
            if inputs.get("content") in (None, found.get("content")):
                return f"{zone}/{found['id']}"
        return None

    def container(self, inputs: Mapping[str, Any]) -> None:
        """Remove the container that a killed create left: it is made again, with all its parts.

        A half-made container may lack networks or files, so it is never adopted.
        """
        name = str(inputs.get("name", ""))
        for command in self._docker_hosts():
            # The name is ours: letters, digits and dashes only.
            if name and name.replace("-", "").isalnum():
                _run([*command, f"docker rm --force {name}"])

    @property
    def _cloudflare(self) -> str:
        return self.variables.get("CLOUDFLARE_BASE_URL", "https://api.cloudflare.com/client/v4")

    def _docker_hosts(self) -> list[list[str]]:
        """The ssh command of every Docker provider in the state."""
        commands: list[list[str]] = []
        for found in cast("list[dict[str, Any]]", self.state.get("resources") or []):
            if found.get("type") != "pulumi:providers:docker":
                continue
            inputs = cast("dict[str, Any]", found.get("inputs") or {})
            host = str(inputs.get("host", ""))
            options = inputs.get("sshOpts", [])
            if isinstance(options, str):
                options = json.loads(options)
            if host.startswith("ssh://"):
                commands.append(["ssh", *map(str, options), host.removeprefix("ssh://")])
        return commands

    def _get(self, url: str, token: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = httpx.get(
                url,
                params=dict(query),
                headers={"Authorization": f"Bearer {self.variables.get(token, '')}"},
                timeout=_TIMEOUT,
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise OpsError(
                "An earlier update was killed, and what it left cannot be looked up.",
                [f"{url}: {error}", f"Check {token} and the network, then run it again."],
            ) from error
        return cast("dict[str, Any]", answer.json())


class Lookup:
    """Which look-up a kind of resource has."""

    @staticmethod
    def of(vendors: Vendors, kind: str) -> Find | None:
        """The look-up of a type token; None where making it again is harmless.

        GitHub's environments, secrets and rules, Cloudflare's settings and Docker's volumes are
        put, not posted: the same request again leaves one of them.
        """
        if collection := _HCLOUD.get(kind):
            return lambda inputs: vendors.hcloud(collection, inputs)
        if kind == "cloudflare:index/dnsRecord:DnsRecord":
            return vendors.dns_record
        if kind == "docker:index/container:Container":
            return vendors.container
        return None


def _run(command: list[str]) -> None:
    try:
        subprocess.run(
            command, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OpsError("An earlier update was killed, and a server does not answer.") from error
