"""hcloud.SshKey, PlacementGroup, PrimaryIp and Rdns."""

# ruff: noqa: ARG002 - the methods' arguments are the framework's interface, used or not

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from localcloud.providers.framework import (
    UNKNOWN,
    Boolean,
    Context,
    Failure,
    Integer,
    Property,
    ProviderError,
    Resource,
    SetOf,
    Values,
)
from localcloud.providers.hcloud.api import Api, Json
from localcloud.providers.hcloud.creation import create, pending
from localcloud.providers.hcloud.shared import (
    DELETE_PROTECTION,
    LABELS,
    NAME,
    check_ip,
    refuse_datacenter,
)


class SshKey(Resource[Api]):
    """A public key."""

    token = "hcloud:index/sshKey:SshKey"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        Property("publicKey", required=True, force_new=True),
        LABELS,
        Property("fingerprint", output=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body = {
            "name": inputs["name"],
            "public_key": inputs["publicKey"],
            "labels": inputs.get("labels", {}),
        }
        made = create(ctx, "ssh_keys", body)["ssh_key"]
        return str(made["id"]), {"fingerprint": made["fingerprint"]}

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("ssh_keys", resource_id)
        if found is None:
            return None
        outputs: Values = {
            "name": found["name"],
            "publicKey": found["public_key"],
            "fingerprint": found["fingerprint"],
            "labels": found["labels"],
        }
        if str(state.get("publicKey", "")).strip() == found["public_key"].strip():
            # The API cuts white space at the ends: no difference.
            del outputs["publicKey"]
        return outputs

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        body = {"name": new["name"], "labels": new.get("labels", {})}
        ctx.client.call("PUT", f"/ssh_keys/{resource_id}", body)
        return {}

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        ctx.client.delete(ctx, "ssh_keys", resource_id)


class PlacementGroup(Resource[Api]):
    """Servers that do not share a host."""

    token = "hcloud:index/placementGroup:PlacementGroup"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        LABELS,
        # The real one neither replaces on a change nor can it change: there is one type only.
        Property("type", required=True, choices=("spread",)),
        Property("servers", SetOf(Integer), output=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body = {key: inputs[key] for key in ("name", "labels", "type") if key in inputs}
        answer = create(ctx, "placement_groups", body)
        ctx.client.wait(ctx, *pending(answer))
        made = answer["placement_group"]
        return str(made["id"]), self._outputs(made)

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("placement_groups", resource_id)
        return None if found is None else self._outputs(found)

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        body = {"name": new["name"], "labels": new.get("labels", {})}
        path = f"/placement_groups/{resource_id}"
        return self._outputs(ctx.client.call("PUT", path, body)["placement_group"])

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        ctx.client.delete(ctx, "placement_groups", resource_id)

    @staticmethod
    def _outputs(group: Json) -> Values:
        return {key: group[key] for key in ("name", "labels", "type", "servers")}


class PrimaryIp(Resource[Api]):
    """A public address that outlives servers."""

    token = "hcloud:index/primaryIp:PrimaryIp"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        Property("type", required=True, force_new=True),
        Property(
            "location", computed=True, force_new=True, exactly_one_of=("location", "assigneeId")
        ),
        Property("datacenter", computed=True, validate=refuse_datacenter),
        Property("assigneeId", Integer, computed=True, exactly_one_of=("location", "assigneeId")),
        Property("assigneeType", computed=True),
        Property("autoDelete", Boolean, default=False),
        LABELS,
        DELETE_PROTECTION,
        Property("ipAddress", output=True),
        Property("ipNetwork", output=True),
    )

    def check(self, ctx: Context[Api], inputs: Values) -> Sequence[Failure]:
        if inputs.get("assigneeId") not in (None, UNKNOWN) and "assigneeType" not in inputs:
            return [Failure("assigneeId", "assigneeType must be given with it")]
        return ()

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body: Json = {
            "name": inputs["name"],
            "type": inputs["type"],
            "auto_delete": inputs["autoDelete"],
            "labels": inputs.get("labels", {}),
        }
        if "location" in inputs:
            body["location"] = inputs["location"]
        else:
            body["assignee_id"] = inputs["assigneeId"]
            body["assignee_type"] = inputs["assigneeType"]
        answer = create(ctx, "primary_ips", body)
        number = answer["primary_ip"]["id"]
        ctx.client.wait(ctx, *pending(answer))
        if inputs["deleteProtection"]:
            self._protect(ctx, number, True)
        return str(number), self._outputs(ctx.client.must_get("primary_ips", number))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("primary_ips", resource_id)
        return None if found is None else self._outputs(found)

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        api, path = ctx.client, f"/primary_ips/{resource_id}"
        if old.get("deleteProtection") != new["deleteProtection"]:
            self._protect(ctx, resource_id, new["deleteProtection"])
        if "assigneeId" in new and old.get("assigneeId") != new["assigneeId"]:
            if old.get("assigneeId"):
                api.act(ctx, f"{path}/actions/unassign")
            if new["assigneeId"]:
                body = {"assignee_id": new["assigneeId"], "assignee_type": new["assigneeType"]}
                api.act(ctx, f"{path}/actions/assign", body)
        api.call(
            "PUT",
            path,
            {
                "name": new["name"],
                "labels": new.get("labels", {}),
                "auto_delete": new["autoDelete"],
            },
        )
        return self._outputs(api.must_get("primary_ips", resource_id))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        api = ctx.client
        found = api.get("primary_ips", resource_id)
        if found is None:
            return
        if found["assignee_id"]:
            # As the real one: the server is off while it loses the address.
            actions = f"/servers/{found['assignee_id']}/actions"
            api.act(ctx, f"{actions}/poweroff", done=("not_found",))
            with contextlib.suppress(ProviderError):
                api.act(ctx, f"/primary_ips/{resource_id}/actions/unassign")
            api.act(ctx, f"{actions}/poweron", done=("not_found",))
        api.delete(ctx, "primary_ips", resource_id)

    @staticmethod
    def _protect(ctx: Context[Api], number: object, on: bool) -> None:
        path = f"/primary_ips/{number}/actions/change_protection"
        ctx.client.act(ctx, path, {"delete": on})

    @staticmethod
    def _outputs(ip: Json) -> Values:
        six = ip["type"] == "ipv6"
        return {
            "name": ip["name"],
            "type": ip["type"],
            "location": ip["location"]["name"],
            "assigneeId": ip["assignee_id"] or 0,
            "assigneeType": ip["assignee_type"],
            "autoDelete": ip["auto_delete"],
            "labels": ip["labels"],
            "deleteProtection": ip["protection"]["delete"],
            "ipAddress": ip["ip"].split("/")[0],
            "ipNetwork": ip["ip"] if six else None,
        }


_OWNERS = {"s": ("serverId", "servers"), "p": ("primaryIpId", "primary_ips")}
_ONE_OF = ("serverId", "primaryIpId", "floatingIpId", "loadBalancerId")


class Rdns(Resource[Api]):
    """A reverse DNS entry; its id is `s-<server id>-<address>` or `p-<primary IP id>-<address>`."""

    token = "hcloud:index/rdns:Rdns"  # noqa: S105 - a type's name
    properties = (
        *(Property(name, Integer, force_new=True, exactly_one_of=_ONE_OF) for name in _ONE_OF),
        Property("ipAddress", required=True, force_new=True, validate=check_ip),
        Property("dnsPtr", required=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        for letter, (name, _) in _OWNERS.items():
            if inputs.get(name):
                resource_id = f"{letter}-{inputs[name]}-{inputs['ipAddress']}"
                self._set(ctx, resource_id, inputs["dnsPtr"])
                return resource_id, {}
        raise ProviderError("only servers and primary IPs can have reverse DNS here")

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        name, table, number, address = self._parse(resource_id)
        owner = ctx.client.get(table, number)
        if owner is None:
            return None
        entries: list[Json] = owner.get("dns_ptr", [])
        if "public_net" in owner:
            public = owner["public_net"]
            four = public["ipv4"]
            entries = [*(public["ipv6"]["dns_ptr"] if public["ipv6"] else [])]
            entries += [{"ip": four["ip"], "dns_ptr": four["dns_ptr"]}] if four else []
        for entry in entries:
            if entry["ip"] == address:
                return {name: number, "ipAddress": address, "dnsPtr": entry["dns_ptr"]}
        return None

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        self._set(ctx, resource_id, new["dnsPtr"])
        return {}

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        self._set(ctx, resource_id, None, done=("not_found",))

    def _set(
        self, ctx: Context[Api], resource_id: str, name: str | None, done: tuple[str, ...] = ()
    ) -> None:
        _, table, number, address = self._parse(resource_id)
        body = {"ip": address, "dns_ptr": name}
        ctx.client.act(ctx, f"/{table}/{number}/actions/change_dns_ptr", body, done=done)

    @staticmethod
    def _parse(resource_id: str) -> tuple[str, str, int, str]:
        letter, _, rest = resource_id.partition("-")
        number, _, address = rest.partition("-")
        if letter not in _OWNERS or not number.isdigit() or check_ip(address):
            raise ProviderError(f"unexpected id {resource_id!r}, expected PREFIX-ID-ADDRESS")
        return *_OWNERS[letter], int(number), address
