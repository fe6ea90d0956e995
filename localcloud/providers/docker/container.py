"""`docker:index/container:Container`."""

# ruff: noqa: S105 - arguments are the framework's; a token is a type's name

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localcloud.providers.docker import container_spec, container_state
from localcloud.providers.docker.api import DockerApi
from localcloud.providers.docker.container_schema import PROPERTIES, UPDATED_IN_PLACE
from localcloud.providers.docker.host import DockerHost
from localcloud.providers.docker.image import find_image
from localcloud.providers.framework import (
    Context,
    NotFound,
    PartialFailure,
    ProviderError,
    Resource,
    Values,
)


class Container(Resource[DockerHost]):
    """A container; nearly every input replaces it, and the old one goes first."""

    token = "docker:index/container:Container"
    autoname = "name"
    delete_before_replace = True
    properties = PROPERTIES

    def create(self, ctx: Context[DockerHost], inputs: Values) -> tuple[str, Values]:
        image = str(inputs["image"])
        try:
            find_image(ctx, image, None)
        except ProviderError as error:
            raise ProviderError(
                f"Unable to create container with image {image}: {error}"
            ) from error
        body = container_spec.create_body(inputs)
        archives = [container_spec.upload_archive(item) for item in inputs.get("uploads", [])]
        try:
            with ctx.client.api() as api:
                query = {"name": inputs["name"], "platform": inputs.get("platform")}
                made = api.post("/containers/create", body=body, **query)
        except ProviderError as error:
            raise ProviderError(f"Unable to create container: {error}") from error
        container_id = str(made["Id"])
        try:
            self._bring_up(ctx, container_id, inputs, archives)
        except ProviderError as error:
            # It exists: the state has to know it, so that the next update replaces it.
            state = self._outputs_if_there(ctx, container_id, inputs)
            raise PartialFailure(container_id, state, str(error)) from error
        logs = self._attach(ctx, container_id, inputs) if inputs["attach"] else {}
        return container_id, {**self._outputs_if_there(ctx, container_id, inputs), **logs}

    def _bring_up(
        self,
        ctx: Context[DockerHost],
        container_id: str,
        inputs: Values,
        archives: Sequence[bytes],
    ) -> None:
        networks: Sequence[dict[str, Any]] = inputs.get("networksAdvanced", [])
        with ctx.client.api() as api:
            if networks:
                _leave_bridge(api, container_id)
            for network in networks:
                _join(api, network, container_id)
            for archive in archives:
                api.put_archive(container_id, archive)
            if not inputs["start"]:
                return
            try:
                api.post("/containers/{0}/start", container_id)
            except ProviderError as error:
                raise ProviderError(f"Unable to start container: {error}") from error
        if inputs["wait"]:
            ctx.client.health.wait_until_healthy(ctx, container_id, inputs["waitTimeout"])

    def _attach(self, ctx: Context[DockerHost], container_id: str, inputs: Values) -> Values:
        """Wait for the end of a container that is a task; its exit code is no error."""
        while True:
            ctx.check_cancelled()
            with ctx.client.api() as api:
                if not api.get("/containers/{0}/json", container_id)["State"]["Running"]:
                    break
            ctx.sleep(0.2)
        if not inputs["logs"]:
            return {}
        with ctx.client.api() as api:
            return {"containerLogs": api.logs(container_id)}

    def _outputs_if_there(
        self, ctx: Context[DockerHost], container_id: str, state: Values
    ) -> Values:
        try:
            found = self.read(ctx, container_id, state) or {}
        except NotFound:
            return {}  # one with `rm` may be gone already
        found.pop("id", None)
        return found

    def read(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> Values | None:
        with ctx.client.api() as api:
            found = api.get("/containers/{0}/json", resource_id)
        return container_state.outputs(found, state)

    def update(
        self, ctx: Context[DockerHost], resource_id: str, old: Values, new: Values
    ) -> Values:
        with ctx.client.api() as api:
            if new["mustRun"] and not old.get("mustRun") and new["start"]:
                api.post("/containers/{0}/start", resource_id)
            if any(old.get(name) != new.get(name) for name in UPDATED_IN_PLACE):
                body = container_spec.update_body(new)
                try:
                    api.post("/containers/{0}/update", resource_id, body=body)
                except ProviderError as error:
                    raise ProviderError(f"Unable to update a container: {error}") from error
            found = api.get("/containers/{0}/json", resource_id)
        # Docker's own swap limit comes back, so that `memory` alone differs at every preview.
        return {"memorySwap": container_state.outputs(found, new)["memorySwap"]}

    def delete(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> None:
        with ctx.client.api() as api:
            if not state.get("attach"):
                seconds = state.get("destroyGraceSeconds") or 0
                api.post("/containers/{0}/stop", resource_id, t=seconds)
            try:
                volumes = bool(state.get("removeVolumes", True))
                api.delete("/containers/{0}", resource_id, v=volumes, force=True)
            except ProviderError as error:
                if "is already in progress" not in str(error):
                    raise


def _leave_bridge(api: DockerApi, container_id: str) -> None:
    try:
        api.post("/networks/bridge/disconnect", body={"Container": container_id})
    except ProviderError as error:
        if "is not connected to" not in str(error):
            raise ProviderError(f"Unable to disconnect the default network: {error}") from error


def _join(api: DockerApi, network: dict[str, Any], container_id: str) -> None:
    body = {"Container": container_id, "EndpointConfig": container_spec.endpoint_body(network)}
    try:
        api.post("/networks/{0}/connect", network["name"], body=body)
    except ProviderError as error:
        raise ProviderError(f"Unable to connect to network '{network['name']}': {error}") from error
