"""`docker:index/remoteImage:RemoteImage`, and pulling."""

# ruff: noqa: ARG002, S105 - arguments are the framework's; a token is a type's name

from __future__ import annotations

from typing import Any

from localcloud.providers.docker.host import DockerHost
from localcloud.providers.docker.registries import credentials_for
from localcloud.providers.framework import (
    Anything,
    Boolean,
    Context,
    MapOf,
    NotFound,
    Property,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)


def _refuse_build(value: object) -> str:
    return f"the local cloud pulls images only ({type(value).__name__} given)"


class RemoteImage(Resource[DockerHost]):
    """An image pulled from its registry, unless the host has one of that name already."""

    token = "docker:index/remoteImage:RemoteImage"
    properties = (
        Property("name", required=True, force_new=True),
        Property("platform", force_new=True),
        Property("pullTriggers", SetOf(String), force_new=True),
        Property("triggers", MapOf(String), force_new=True),
        Property("keepLocally", Boolean),
        Property("forceRemove", Boolean),
        Property("build", Anything, validate=_refuse_build),
        Property("imageId", output=True),
        Property("repoDigest", output=True),
    )

    def create(self, ctx: Context[DockerHost], inputs: Values) -> tuple[str, Values]:
        name = str(inputs["name"])
        try:
            found = find_image(ctx, name, inputs.get("platform"))
        except ProviderError as error:
            raise ProviderError(f"Unable to read Docker image into resource: {error}") from error
        return found["Id"] + name, _outputs(name, found)

    def read(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> Values | None:
        # The id is the image's id and the name that it was pulled by, in one.
        name = state.get("name") or resource_id[len("sha256:") + 64 :]
        if not name:
            raise ProviderError("import id: expected sha256:<64 hex digits><image name>")
        with ctx.client.api() as api:
            found = api.get("/images/{0}/json", name)
        return {"id": found["Id"] + name, "name": name, **_outputs(name, found)}

    def update(
        self, ctx: Context[DockerHost], resource_id: str, old: Values, new: Values
    ) -> Values:
        name = str(new["name"])
        return _outputs(name, find_image(ctx, name, new.get("platform")))

    def delete(self, ctx: Context[DockerHost], resource_id: str, state: Values) -> None:
        if state.get("keepLocally"):
            return
        try:
            with ctx.client.api() as api:
                api.delete("/images/{0}", state["name"], force=state.get("forceRemove", False))
        except NotFound:
            return
        except ProviderError as error:
            raise ProviderError(f"Unable to remove Docker image: {error}") from error


def _outputs(name: str, found: dict[str, Any]) -> Values:
    return {"imageId": found["Id"], "repoDigest": _repo_digest(name, found)}


def _repo_digest(name: str, found: dict[str, Any]) -> str:
    digests: list[str] = found.get("RepoDigests") or []
    if len(digests) < 2:
        return digests[0] if digests else ""
    # Up to the first colon, as the official plugin cuts it (a registry's port confuses it).
    prefix = name.partition(":")[0]
    return next((digest for digest in digests if digest.startswith(prefix)), digests[0])


def find_image(ctx: Context[DockerHost], name: str, platform: str | None) -> dict[str, Any]:
    """The image of that name or id, pulled when the host does not have it."""
    if not name:
        raise ProviderError("empty image name is not allowed")
    found = _look_up(ctx, name)
    if found is None:
        _pull(ctx, name, platform)
        found = _look_up(ctx, name)
    if found is None:
        raise ProviderError(f"unable to find or pull image {name}")
    return found


def _look_up(ctx: Context[DockerHost], name: str) -> dict[str, Any] | None:
    try:
        with ctx.client.api() as api:
            return api.get("/images/{0}/json", name)
    except NotFound:
        return None


def _pull(ctx: Context[DockerHost], name: str, platform: str | None) -> None:
    credentials = credentials_for(name, ctx.client.credentials)
    failure = ""
    try:
        with ctx.client.api() as api:
            for event in api.pull(name, platform, credentials):
                ctx.check_cancelled()
                failure = str(event.get("error", failure))
    except ProviderError as error:
        raise ProviderError(f"unable to pull image {name}: {error}") from error
    if failure:
        raise ProviderError(f"unable to pull image {name}: {failure}")
