"""`docker:index/network:Network`."""

# ruff: noqa: ARG002, S105 - arguments are the framework's; a token is a type's name

from __future__ import annotations

from typing import Any

from localcloud.providers.docker.common import LABELS, Retry, each, labels_to_map, map_to_labels
from localcloud.providers.docker.host import DockerHost
from localcloud.providers.framework import (
    Boolean,
    Context,
    MapOf,
    NotFound,
    Object,
    Property,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)

_IPAM_FIELDS = {
    "subnet": "Subnet",
    "ipRange": "IPRange",
    "gateway": "Gateway",
    "auxAddress": "AuxiliaryAddresses",
}


class Network(Resource[DockerHost]):
    """A network of containers; every input replaces it."""

    token = "docker:index/network:Network"
    autoname = "name"
    properties = (
        Property("name", force_new=True),
        Property("labels", LABELS, force_new=True),
        Property("driver", computed=True, force_new=True),
        Property("options", MapOf(String), computed=True, force_new=True),
        Property("internal", Boolean, computed=True, force_new=True),
        Property("attachable", Boolean, force_new=True),
        Property("ingress", Boolean, force_new=True),
        Property("ipv6", Boolean, force_new=True),
        Property("ipamDriver", default="default", force_new=True),
        Property("ipamOptions", MapOf(String), force_new=True),
        Property(
            "ipamConfigs",
            SetOf(
                Object(
                    Property("subnet", force_new=True),
                    Property("ipRange", force_new=True),
                    Property("gateway", force_new=True),
                    Property("auxAddress", MapOf(String), force_new=True),
                )
            ),
            computed=True,
            force_new=True,
        ),
        Property("scope", output=True),
    )

    def create(self, ctx: Context[DockerHost], inputs: Values) -> tuple[str, Values]:
        body: dict[str, Any] = {
            "Name": inputs["name"],
            "CheckDuplicate": True,  # before API 1.44 two networks may have one name otherwise
            "Driver": inputs.get("driver", "bridge"),
            "Internal": inputs.get("internal", False),
            "Attachable": inputs.get("attachable", False),
            "Ingress": inputs.get("ingress", False),
            "EnableIPv6": inputs.get("ipv6", False),
            "Options": inputs.get("options", {}),
            "Labels": labels_to_map(inputs.get("labels", [])),
            "IPAM": {
                "Driver": inputs["ipamDriver"],
                "Options": inputs.get("ipamOptions", {}),
                "Config": [
                    {_IPAM_FIELDS[key]: value for key, value in config.items()}
                    for config in inputs.get("ipamConfigs", [])
                ],
            },
        }
        with ctx.client.api() as api:
            network_id = str(api.post("/networks/create", body=body)["Id"])
        return network_id, self._outputs(ctx, network_id)

    def read(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> Values | None:
        return self._outputs(ctx, resource_id)

    def delete(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> None:
        retry = Retry(ctx, ["has active endpoints"])
        while True:
            try:
                with ctx.client.api() as api:
                    api.delete("/networks/{0}", resource_id)
            except NotFound:
                return
            except ProviderError as error:
                retry.after(error)
            else:
                return

    def _outputs(self, ctx: Context[DockerHost], network_id: str) -> Values:
        with ctx.client.api() as api:
            found = api.get("/networks/{0}", network_id)
        ipam = found["IPAM"]
        return {
            "id": found["Id"],
            "name": found["Name"],
            "labels": map_to_labels(found.get("Labels")),
            "driver": found["Driver"],
            "internal": found["Internal"],
            "attachable": found["Attachable"],
            "ingress": found["Ingress"],
            "ipv6": found["EnableIPv6"],
            "ipamDriver": ipam.get("Driver"),
            "ipamOptions": ipam.get("Options") or {},
            "options": found.get("Options") or {},
            "scope": found["Scope"],
            "ipamConfigs": [
                {name: config[key] for name, key in _IPAM_FIELDS.items() if config.get(key)}
                for config in each(ipam.get("Config"))
            ],
        }
