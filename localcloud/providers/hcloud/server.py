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
    NotFound,
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
from localcloud.providers.hcloud.shared import LABELS, NAME, flag, refuse_datacenter


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
        Property("iso"),
        Property("rescue"),
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
        body, starts_later = _creation(api, inputs)
        answer = api.retried(ctx, lambda: api.client.request("POST", "/servers", json=body))
        if answer is None:
            raise ProviderError("the server was not created")
        number = str(answer["server"]["id"])
        try:
            api.wait(ctx, answer["action"], *answer["next_actions"])
            for place in inputs.get("networks", []):
                _attach(ctx, number, place)
            if starts_later and inputs.get("networks"):
                api.act(ctx, f"/servers/{number}/actions/poweron")
            if inputs.get("backups"):
                api.act(ctx, f"/servers/{number}/actions/enable_backup")
            if inputs.get("deleteProtection"):
                _protect(ctx, number, True)
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
            _change_type(ctx, server, new)
        if bool(server["backup_window"]) != bool(new.get("backups")):
            verb = "enable_backup" if new.get("backups") else "disable_backup"
            api.act(ctx, f"{path}/actions/{verb}")
        if new.get("networks") and changed("networks"):
            _sync_networks(ctx, server, new["networks"])
        if "firewallIds" in new and changed("firewallIds"):
            _sync_firewalls(ctx, server, new["firewallIds"])
        if changed("publicNets"):
            _sync_addresses(ctx, server, new.get("publicNets", []))
        if changed("placementGroupId"):
            _sync_group(ctx, server, new.get("placementGroupId"))
        if changed("deleteProtection"):
            _protect(ctx, resource_id, bool(new.get("deleteProtection")))
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


def _creation(api: Api, inputs: Values) -> tuple[Json, bool]:
    """The request's body, and whether the server must be started later."""
    kind = api.find("server_types", inputs["serverType"])
    if kind is None:
        raise ProviderError(f"server type {inputs['serverType']} not found")
    if "image" not in inputs:
        raise ProviderError("image is needed to create a server")
    architecture = kind["architecture"]
    image = api.find("images", inputs["image"], architecture=architecture)
    if image is None:
        raise ProviderError(f"image {inputs['image']} for architecture {architecture} not found")
    keys: list[int] = []
    for key in inputs.get("sshKeys", []):
        found = api.find("ssh_keys", key)
        if found is None:
            raise ProviderError(f"SSH key not found: {key}")
        keys.append(found["id"])
    body: Json = {
        "name": inputs["name"],
        "server_type": inputs["serverType"],
        "image": image["id"],
        "user_data": inputs.get("userData", ""),
        "ssh_keys": keys,
        "labels": inputs.get("labels", {}),
        "firewalls": [{"firewall": number} for number in inputs.get("firewallIds", [])],
        "start_after_create": True,
    }
    if "location" in inputs:
        body["location"] = inputs["location"]
    if inputs.get("placementGroupId"):
        body["placement_group"] = inputs["placementGroupId"]
    later = False
    for net in inputs.get("publicNets", []):
        four, six = net.get("ipv4"), net.get("ipv6")
        body["public_net"] = {
            "enable_ipv4": net["ipv4Enabled"] or bool(four),
            "enable_ipv6": net["ipv6Enabled"] or bool(six),
            "ipv4": four or None,
            "ipv6": six or None,
        }
        later = not (body["public_net"]["enable_ipv4"] or body["public_net"]["enable_ipv6"])
        body["start_after_create"] = not later
    return body, later


def network_of(place: Values) -> tuple[int, str | None]:
    """Network and range that an attachment names: by `networkId` or by `subnetId`."""
    subnet = place.get("subnetId")
    if subnet:
        number, _, block = str(subnet).partition("-")
        if not number.isdigit() or "/" not in block:
            raise ProviderError(f"unexpected subnet id {subnet!r}, expected NETWORK_ID-IP_RANGE")
        return int(number), block
    return int(place["networkId"]), None


def _attach(ctx: Context[Api], number: object, place: Values) -> None:
    network, block = network_of(place)
    body: Json = {"network": network, "alias_ips": place.get("aliasIps", [])}
    if place.get("ip"):
        body["ip"] = place["ip"]
    if block:
        body["ip_range"] = block
    attach(ctx, number, body)


def attach(ctx: Context[Api], number: object, body: Json) -> None:
    """Put a server on a network; being there already is fine."""
    ctx.client.act(
        ctx,
        f"/servers/{number}/actions/attach_to_network",
        body,
        retry=("locked", "conflict", "service_error", "no_subnet_available"),
        done=("server_already_attached",),
    )


def detach(ctx: Context[Api], number: object, network: int) -> None:
    """Take a server off a network; not being there is fine."""
    ctx.client.act(
        ctx,
        f"/servers/{number}/actions/detach_from_network",
        {"network": network},
        retry=("locked", "conflict", "service_error"),
        done=("not_found",),
    )


def _protect(ctx: Context[Api], number: object, on: bool) -> None:
    body = {"delete": on, "rebuild": on}
    ctx.client.act(ctx, f"/servers/{number}/actions/change_protection", body)


def _change_type(ctx: Context[Api], server: Json, new: Values) -> None:
    api, path = ctx.client, f"/servers/{server['id']}/actions"
    if server["status"] == "running":
        api.act(ctx, f"{path}/poweroff")
    body = {"server_type": new["serverType"], "upgrade_disk": not new.get("keepDisk")}
    api.act(ctx, f"{path}/change_type", body)
    if server["status"] == "running":
        api.act(ctx, f"{path}/poweron")


def _sync_networks(ctx: Context[Api], server: Json, wanted: list[Values]) -> None:
    places = {network_of(place)[0]: place for place in wanted}
    for present in server["private_net"]:
        place = places.pop(present["network"], None)
        if place is None or place.get("ip", present["ip"]) != present["ip"]:
            detach(ctx, server["id"], present["network"])
            if place is not None:
                _attach(ctx, server["id"], place)
        elif set(place.get("aliasIps", [])) != set(present["alias_ips"]):
            body = {"network": present["network"], "alias_ips": place.get("aliasIps", [])}
            ctx.client.act(ctx, f"/servers/{server['id']}/actions/change_alias_ips", body)
    for place in places.values():
        _attach(ctx, server["id"], place)


def _sync_firewalls(ctx: Context[Api], server: Json, wanted: list[int]) -> None:
    present = {item["id"] for item in server["public_net"]["firewalls"]}
    resource = [{"type": "server", "server": {"id": server["id"]}}]
    for number in present - set(wanted):
        path = f"/firewalls/{number}/actions/remove_from_resources"
        ctx.client.act(ctx, path, {"remove_from": resource})
    for number in set(wanted) - present:
        path = f"/firewalls/{number}/actions/apply_to_resources"
        ctx.client.act(ctx, path, {"apply_to": resource})


def _sync_addresses(ctx: Context[Api], server: Json, wanted: list[Values]) -> None:
    """Put the wanted primary IPs in place of the present ones, with the server off meanwhile."""
    api, number = ctx.client, server["id"]
    if not wanted:
        return
    api.act(ctx, f"/servers/{number}/actions/poweroff")
    net = wanted[0]
    for kind in ("ipv4", "ipv6"):
        present = server["public_net"][kind]
        chosen, enabled = net.get(kind), net.get(f"{kind}Enabled", True)
        if present and (present["id"] == chosen or (enabled and not chosen)):
            continue
        if present:
            api.act(ctx, f"/primary_ips/{present['id']}/actions/unassign")
            found = api.get("primary_ips", present["id"])
            if found is not None and found["auto_delete"]:
                api.delete(ctx, "primary_ips", present["id"])
        if chosen:
            body = {"assignee_id": number, "assignee_type": "server"}
            api.act(ctx, f"/primary_ips/{chosen}/actions/assign", body)
        elif enabled:
            body = {
                "name": f"primary_ip-{number}-{kind}",
                "type": kind,
                "auto_delete": True,
                "assignee_id": number,
                "assignee_type": "server",
            }
            answer = api.call("POST", "/primary_ips", body)
            api.wait(ctx, answer.get("action"))
    api.act(ctx, f"/servers/{number}/actions/poweron")


def _sync_group(ctx: Context[Api], server: Json, wanted: int | None) -> None:
    path = f"/servers/{server['id']}/actions"
    if server["placement_group"] is not None:
        if server["status"] != "off":
            raise ProviderError(
                "removing a running server from a placement group is not supported: "
                "shut it down, apply again, then start it"
            )
        ctx.client.act(ctx, f"{path}/remove_from_placement_group")
    if wanted:
        if ctx.client.get("placement_groups", wanted) is None:
            raise NotFound(f"placement group not found: {wanted}")
        ctx.client.act(ctx, f"{path}/add_to_placement_group", {"placement_group": wanted})


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
