"""`docker:index/volume:Volume`."""

# ruff: noqa: ARG002, S105 - arguments are the framework's; a token is a type's name

from __future__ import annotations

from typing import Any

from localcloud.providers.docker.common import LABELS, Retry, labels_to_map, map_to_labels
from localcloud.providers.docker.host import DockerHost
from localcloud.providers.framework import (
    Anything,
    Context,
    MapOf,
    NotFound,
    Property,
    ProviderError,
    Resource,
    String,
    Values,
)


def _refuse_cluster(value: object) -> str:
    return f"the local cloud has no cluster volumes ({type(value).__name__} given)"


class Volume(Resource[DockerHost]):
    """A named volume; every input replaces it. Its data goes with it."""

    token = "docker:index/volume:Volume"
    autoname = "name"
    properties = (
        Property("name", computed=True, force_new=True),
        Property("labels", LABELS, force_new=True),
        Property("driver", computed=True, force_new=True),
        Property("driverOpts", MapOf(String), force_new=True),
        Property("cluster", Anything, validate=_refuse_cluster),
        Property("mountpoint", output=True),
    )

    def create(self, ctx: Context[DockerHost], inputs: Values) -> tuple[str, Values]:
        body: dict[str, Any] = {
            "Name": inputs["name"],
            "Driver": inputs.get("driver", "local"),
            "DriverOpts": inputs.get("driverOpts", {}),
            "Labels": labels_to_map(inputs.get("labels", [])),
        }
        with ctx.client.api() as api:
            made = api.post("/volumes/create", body=body)
        return str(made["Name"]), _outputs(made)

    def read(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> Values | None:
        with ctx.client.api() as api:
            return _outputs(api.get("/volumes/{0}", resource_id))

    def delete(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> None:
        retry = Retry(ctx, ["volume is in use"])
        while True:
            try:
                with ctx.client.api() as api:
                    api.delete("/volumes/{0}", resource_id, force=True)
            except NotFound:
                return
            except ProviderError as error:
                retry.after(error)
            else:
                return


def _outputs(found: dict[str, Any]) -> Values:
    return {
        "name": found["Name"],
        "labels": map_to_labels(found.get("Labels")),
        "driver": found["Driver"],
        "driverOpts": found.get("Options") or {},
        "mountpoint": found["Mountpoint"],
    }
