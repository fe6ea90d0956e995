"""What a killed update may have made at Hetzner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ops.adoption.api import ask

COLLECTIONS = {
    "hcloud:index/server:Server": "servers",
    "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
    "hcloud:index/network:Network": "networks",
    "hcloud:index/firewall:Firewall": "firewalls",
    "hcloud:index/volume:Volume": "volumes",
    "hcloud:index/sshKey:SshKey": "ssh_keys",
    "hcloud:index/placementGroup:PlacementGroup": "placement_groups",
}


@dataclass(frozen=True)
class Hetzner:
    """The project that the token belongs to."""

    variables: Mapping[str, str]

    def named(self, collection: str, inputs: Mapping[str, Any]) -> str | None:
        """The id of the thing of that name with those labels.

        A thing of that name that is labelled otherwise is somebody else's.
        """
        told = self._get(collection, {"name": str(inputs.get("name", ""))})
        for found in cast("list[dict[str, Any]]", told.get(collection, [])):
            if found.get("labels", {}) == (inputs.get("labels") or {}):
                return str(found["id"])
        return None

    def subnet(self, inputs: Mapping[str, Any]) -> str | None:
        """The id of the network's subnet of that range: both, joined."""
        network, wanted = _number(inputs["networkId"]), str(inputs["ipRange"])
        told = self._get(f"networks/{network}")
        subnets = cast("list[dict[str, Any]]", told.get("network", {}).get("subnets", []))
        there = any(found.get("ip_range") == wanted for found in subnets)
        return f"{network}-{wanted}" if there else None

    def attachment(self, inputs: Mapping[str, Any]) -> str | None:
        """The volume's id, when it is attached to that server."""
        volume = _number(inputs["volumeId"])
        told = self._get(f"volumes/{volume}")
        holder = told.get("volume", {}).get("server")
        return volume if holder is not None and str(holder) == _number(inputs["serverId"]) else None

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        base = self.variables.get("HCLOUD_ENDPOINT", "https://api.hetzner.cloud/v1")
        told = ask(f"{base}/{path}", "HCLOUD_TOKEN", self.variables, query or {})
        return cast("dict[str, Any]", told or {})


def _number(value: object) -> str:
    """An id as the API writes it: the engine's numbers may come as floats."""
    return str(int(float(str(value))))
