"""hcloud.Volume and VolumeAttachment."""

# ruff: noqa: ARG002 - the methods' arguments are the framework's interface, used or not

from __future__ import annotations

from localcloud.providers.framework import (
    Context,
    Integer,
    PartialFailure,
    Property,
    ProviderError,
    Resource,
    Values,
)
from localcloud.providers.hcloud.api import Api, Json
from localcloud.providers.hcloud.creation import create, pending
from localcloud.providers.hcloud.shared import DELETE_PROTECTION, LABELS, NAME, flag


def _attach(ctx: Context[Api], number: object, server: int, automount: bool | None) -> None:
    body: Json = {"server": server}
    if automount is not None:
        body["automount"] = automount

    def landed() -> bool:
        return ctx.client.must_get("volumes", number)["server"] == server

    ctx.client.act(ctx, f"/volumes/{number}/actions/attach", body, landed=landed)


def _detach(ctx: Context[Api], number: object) -> None:
    ctx.client.act(ctx, f"/volumes/{number}/actions/detach", done=("not_found",))


class Volume(Resource[Api]):
    """A volume."""

    token = "hcloud:index/volume:Volume"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        Property("size", Integer, required=True),
        Property("location", computed=True, force_new=True),
        Property("serverId", Integer, computed=True),
        LABELS,
        flag("automount", default=None),
        Property("format"),
        DELETE_PROTECTION,
        Property("linuxDevice", output=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        api = ctx.client
        body: Json = {
            "name": inputs["name"],
            "size": inputs["size"],
            "labels": inputs.get("labels", {}),
        }
        for key, name in (
            ("serverId", "server"),
            ("location", "location"),
            ("automount", "automount"),
            ("format", "format"),
        ):
            if inputs.get(key):
                body[name] = inputs[key]
        answer = create(ctx, "volumes", body)
        number = answer["volume"]["id"]
        try:
            api.wait(ctx, *pending(answer))
            if inputs["deleteProtection"]:
                self._protect(ctx, number, True)
        except ProviderError as error:
            outputs = self._outputs(answer["volume"])
            raise PartialFailure(str(number), outputs, str(error)) from error
        return str(number), self._outputs(api.must_get("volumes", number))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("volumes", resource_id)
        return None if found is None else self._outputs(found)

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        api, path = ctx.client, f"/volumes/{resource_id}"
        volume = api.must_get("volumes", resource_id)
        api.call("PUT", path, {"name": new["name"], "labels": new.get("labels", {})})
        if "serverId" in new and new["serverId"] != volume["server"]:
            if volume["server"] is not None:
                _detach(ctx, resource_id)
            if new["serverId"]:
                _attach(ctx, resource_id, new["serverId"], new.get("automount"))
        if new["size"] != volume["size"]:
            api.act(ctx, f"{path}/actions/resize", {"size": new["size"]})
        if old.get("deleteProtection") != new["deleteProtection"]:
            self._protect(ctx, resource_id, new["deleteProtection"])
        return self._outputs(api.must_get("volumes", resource_id))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        found = ctx.client.get("volumes", resource_id)
        if found is None:
            return
        if found["server"] is not None:
            _detach(ctx, resource_id)
        ctx.client.delete(ctx, "volumes", resource_id)

    @staticmethod
    def _protect(ctx: Context[Api], number: object, on: bool) -> None:
        ctx.client.act(ctx, f"/volumes/{number}/actions/change_protection", {"delete": on})

    @staticmethod
    def _outputs(volume: Json) -> Values:
        return {
            "name": volume["name"],
            "size": volume["size"],
            "location": volume["location"]["name"],
            "labels": volume["labels"],
            "linuxDevice": volume["linux_device"],
            "deleteProtection": volume["protection"]["delete"],
            "serverId": volume["server"] or None,
        }


class VolumeAttachment(Resource[Api]):
    """A volume's place in a server; its id is the volume's."""

    token = "hcloud:index/volumeAttachment:VolumeAttachment"  # noqa: S105 - a type's name
    properties = (
        Property("volumeId", Integer, required=True, force_new=True),
        Property("serverId", Integer, required=True, force_new=True),
        Property("automount", flag("automount").type, computed=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        _attach(ctx, inputs["volumeId"], inputs["serverId"], inputs.get("automount"))
        return str(inputs["volumeId"]), {}

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        volume = ctx.client.get("volumes", resource_id)
        if volume is None or volume["server"] is None:
            return None
        return {"volumeId": volume["id"], "serverId": volume["server"]}

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        volume = ctx.client.get("volumes", resource_id)
        if volume is not None and volume["server"] is not None:
            _detach(ctx, resource_id)
