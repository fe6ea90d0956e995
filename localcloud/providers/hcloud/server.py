"""hcloud.Server."""

# ruff: noqa: ARG002 - the methods' arguments are the framework's interface, used or not

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, cast

from localcloud.providers.framework import (
    UNKNOWN,
    Boolean,
    Context,
    Failure,
    Integer,
    ListOf,
    Object,
    PartialFailure,
    Property,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)
from localcloud.providers.hcloud.api import Api, Json
from localcloud.providers.hcloud.creation import create, pending
from localcloud.providers.hcloud.server_changes import (
    attach_inline,
    change_type,
    network_of,
    protect,
    sync_addresses,
    sync_firewalls,
    sync_group,
    sync_networks,
)
from localcloud.providers.hcloud.server_request import creation
from localcloud.providers.hcloud.shared import LABELS, NAME, flag, refuse_datacenter, refuse_medium


def hash_user_data(text: str) -> str:
    """What the state keeps of user-data."""
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def same_user_data(old: Any, new: Any) -> bool:  # noqa: ANN401 - any property value
    """Whether the state's hash (or an older state's text) is that of the wanted user-data."""
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    return old in (new, hash_user_data(new)) or old.strip() == new.strip()


PUBLIC_NET = Object(
    Property("ipv4Enabled", Boolean, default=True),
    Property("ipv6Enabled", Boolean, default=True),
    Property("ipv4", Integer, computed=True),
    Property("ipv6", Integer, computed=True),
)
NETWORK = Object(
    Property("networkId", Integer, computed=True),
    Property("subnetId", computed=True),
    Property("ip", computed=True),
    Property("aliasIps", SetOf(String), computed=True),
    Property("macAddress", output=True),
)


class Server(Resource[Api]):
    """A server."""

    token = "hcloud:index/server:Server"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        Property("serverType", required=True),
        Property("image", computed=True, force_new=True),
        Property("location", computed=True, force_new=True),
        Property("datacenter", computed=True, validate=refuse_datacenter),
        Property("userData", force_new=True, suppress=same_user_data),
        Property("sshKeys", ListOf(String), force_new=True),
        flag("keepDisk"),
        flag("allowDeprecatedImages", default=None),
        flag("backups"),
        Property("iso", validate=refuse_medium),
        Property("rescue", validate=refuse_medium),
        LABELS,
        # Left out, both are none of this resource's business.
        Property("publicNets", SetOf(PUBLIC_NET), suppress=lambda _, new: not new),
        Property("networks", SetOf(NETWORK), suppress=lambda _, new: not new),
        flag("ignoreRemoteFirewallIds"),
        Property("firewallIds", SetOf(Integer), computed=True),
        Property("placementGroupId", Integer),
        flag("deleteProtection"),
        flag("rebuildProtection"),
        flag("shutdownBeforeDeletion"),
        Property("backupWindow", output=True),
        Property("ipv4Address", output=True),
        Property("ipv6Address", output=True),
        Property("ipv6Network", output=True),
        Property("status", output=True),
        Property("primaryDiskSize", Integer, output=True),
    )

    def check(self, ctx: Context[Api], inputs: Values) -> Sequence[Failure]:
        delete, rebuild = inputs.get("deleteProtection"), inputs.get("rebuildProtection")
        if UNKNOWN not in (delete, rebuild) and delete != rebuild:
            return [Failure("rebuildProtection", "must be equal to deleteProtection")]
        return [
            Failure(f"networks[{index}]", "either networkId or subnetId must be given")
            for index, item in enumerate(_listed(inputs.get("networks")))
            if isinstance(item, dict) and not ("networkId" in item or "subnetId" in item)
        ]

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        api = ctx.client
        body, starts_later = creation(api, inputs)
        answer = create(ctx, "servers", body)
        number = str(answer["server"]["id"])
        try:
            api.wait(ctx, *pending(answer))
            for place in inputs.get("networks", []):
                attach_inline(ctx, number, place)
            if starts_later and inputs.get("networks"):
                api.act(ctx, f"/servers/{number}/actions/poweron")
            if inputs.get("backups"):
                api.act(ctx, f"/servers/{number}/actions/enable_backup")
            if inputs.get("deleteProtection"):
                protect(ctx, number, True)
            return number, _outputs(api.must_get("servers", number), inputs)
        except ProviderError as error:
            # It exists: kept in the state, so that the next up replaces it.
            found = api.get("servers", number) or answer["server"]
            raise PartialFailure(number, _outputs(found, inputs), str(error)) from error

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("servers", resource_id)
        if found is None:
            return None
        outputs = _outputs(found, state)
        outputs.pop("userData", None)
        return outputs

    def customise_diff(self, old: Values, new: Values, changes: Sequence[Any]) -> Sequence[Any]:
        if new.get("ignoreRemoteFirewallIds") and old.get("firewallIds"):
            return [change for change in changes if change.property != "firewallIds"]
        return changes

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        api, path = ctx.client, f"/servers/{resource_id}"
        server = api.must_get("servers", resource_id)

        def changed(name: str) -> bool:
            return old.get(name) != new.get(name)

        if changed("name"):
            api.call("PUT", path, {"name": new["name"]})
        if changed("labels"):
            api.call("PUT", path, {"labels": new.get("labels", {})})
        if changed("serverType"):
            change_type(ctx, server, new)
        if bool(server["backup_window"]) != bool(new.get("backups")):
            verb = "enable_backup" if new.get("backups") else "disable_backup"
            api.act(ctx, f"{path}/actions/{verb}")
        if new.get("networks") and changed("networks"):
            sync_networks(ctx, server, new["networks"])
        if "firewallIds" in new and changed("firewallIds"):
            sync_firewalls(ctx, server, new["firewallIds"])
        if changed("publicNets"):
            sync_addresses(ctx, server, new.get("publicNets", []))
        if changed("placementGroupId"):
            sync_group(ctx, server, new.get("placementGroupId"))
        if changed("deleteProtection"):
            protect(ctx, resource_id, bool(new.get("deleteProtection")))
        return _outputs(api.must_get("servers", resource_id), new)

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        api = ctx.client
        if state.get("shutdownBeforeDeletion"):
            api.act(ctx, f"/servers/{resource_id}/actions/shutdown", done=("not_found",))
            for _ in range(5):
                found = api.get("servers", resource_id)
                if found is None or found["status"] == "off":
                    break
                ctx.sleep(1)
        answer = api.delete(ctx, "servers", resource_id)
        if answer:
            api.wait(ctx, answer.get("action"))


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - may be unknown
    return cast("list[Any]", value) if isinstance(value, list) else []


def _outputs(server: Json, wanted: Values) -> Values:
    """The state of a server; `wanted` are the inputs (or the state) that it came from."""
    public = server["public_net"]
    image = server["image"]
    outputs: Values = {
        "name": server["name"],
        "location": server["location"]["name"],
        "status": server["status"],
        "serverType": server["server_type"]["name"],
        "backupWindow": server["backup_window"] or "",
        "backups": bool(server["backup_window"]),
        "labels": server["labels"],
        "deleteProtection": server["protection"]["delete"],
        "rebuildProtection": server["protection"]["rebuild"],
        "firewallIds": [item["id"] for item in public["firewalls"]],
        "primaryDiskSize": server["primary_disk_size"],
        "ipv4Address": public["ipv4"]["ip"] if public["ipv4"] else "",
        "ipv6Address": "",
        "ipv6Network": public["ipv6"]["ip"] if public["ipv6"] else "<nil>",
        "placementGroupId": (server["placement_group"] or {}).get("id"),
        "datacenter": None,
    }
    if public["ipv6"]:
        outputs["ipv6Address"] = public["ipv6"]["ip"].split("/")[0] + "1"
    if image:
        by_id = str(image["id"]) == wanted.get("image") or not image["name"]
        outputs["image"] = str(image["id"]) if by_id else image["name"]
    if wanted.get("userData"):
        outputs["userData"] = hash_user_data(wanted["userData"])
    if wanted.get("networks"):
        outputs["networks"] = [_place(item, wanted["networks"]) for item in server["private_net"]]
    return outputs


def _place(present: Json, wanted: list[Values]) -> Values:
    place: Values = {
        "ip": present["ip"],
        "macAddress": present["mac_address"],
        "aliasIps": present["alias_ips"],
        "networkId": present["network"],
    }
    for item in wanted:
        if network_of(item)[0] == present["network"] and item.get("subnetId"):
            place["subnetId"] = item["subnetId"]
    return place
