"""hcloud.Network, NetworkSubnet, NetworkRoute and ServerNetwork."""

# ruff: noqa: ARG002 - the methods' arguments are the framework's interface, used or not

from __future__ import annotations

from collections.abc import Sequence

from localcloud.providers.framework import (
    Context,
    Failure,
    Integer,
    Property,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)
from localcloud.providers.hcloud.api import Api, Json
from localcloud.providers.hcloud.creation import create
from localcloud.providers.hcloud.server_changes import attach, detach, network_of
from localcloud.providers.hcloud.shared import (
    DELETE_PROTECTION,
    LABELS,
    NAME,
    check_cidr,
    check_ip,
    flag,
)


class Network(Resource[Api]):
    """A private network."""

    token = "hcloud:index/network:Network"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        Property("ipRange", required=True, force_new=True, validate=check_cidr),
        LABELS,
        DELETE_PROTECTION,
        flag("exposeRoutesToVswitch"),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body = {
            "name": inputs["name"],
            "ip_range": inputs["ipRange"],
            "labels": inputs.get("labels", {}),
            "expose_routes_to_vswitch": inputs["exposeRoutesToVswitch"],
        }
        made = create(ctx, "networks", body)["network"]
        if inputs["deleteProtection"]:
            _protect(ctx, made["id"], True)
        return str(made["id"]), self._outputs(ctx.client.must_get("networks", made["id"]))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("networks", resource_id)
        return None if found is None else self._outputs(found)

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        body = {
            "name": new["name"],
            "labels": new.get("labels", {}),
            "expose_routes_to_vswitch": new["exposeRoutesToVswitch"],
        }
        ctx.client.call("PUT", f"/networks/{resource_id}", body)
        if old.get("deleteProtection") != new["deleteProtection"]:
            _protect(ctx, resource_id, new["deleteProtection"])
        return self._outputs(ctx.client.must_get("networks", resource_id))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        ctx.client.delete(ctx, "networks", resource_id)

    @staticmethod
    def _outputs(network: Json) -> Values:
        return {
            "name": network["name"],
            "ipRange": network["ip_range"],
            "labels": network["labels"],
            "deleteProtection": network["protection"]["delete"],
            "exposeRoutesToVswitch": network["expose_routes_to_vswitch"],
        }


def _protect(ctx: Context[Api], number: object, on: bool) -> None:
    ctx.client.act(ctx, f"/networks/{number}/actions/change_protection", {"delete": on})


class NetworkSubnet(Resource[Api]):
    """A subnet; its id is `<network id>-<range>`."""

    token = "hcloud:index/networkSubnet:NetworkSubnet"  # noqa: S105 - a type's name
    properties = (
        Property("networkId", Integer, required=True, force_new=True),
        Property("type", required=True, force_new=True, choices=("cloud", "server", "vswitch")),
        Property("networkZone", required=True, force_new=True),
        Property("ipRange", required=True, force_new=True),
        Property("vswitchId", Integer, force_new=True),
        Property("gateway", output=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body = {
            "type": inputs["type"],
            "network_zone": inputs["networkZone"],
            "ip_range": inputs["ipRange"],
        }
        if inputs.get("vswitchId"):
            body["vswitch_id"] = inputs["vswitchId"]
        number = inputs["networkId"]
        resource_id = f"{number}-{inputs['ipRange']}"
        ctx.client.act(
            ctx,
            f"/networks/{number}/actions/add_subnet",
            body,
            landed=lambda: self.read(ctx, resource_id, {}) is not None,
        )
        return resource_id, self.read(ctx, resource_id, {}) or {}

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        number, block = _split(resource_id)
        network = ctx.client.get("networks", number) or {}
        subnets: list[Json] = network.get("subnets", [])
        for subnet in subnets:
            if subnet["ip_range"] == block:
                return {
                    "networkId": number,
                    "type": subnet["type"],
                    "networkZone": subnet["network_zone"],
                    "ipRange": block,
                    "gateway": subnet["gateway"],
                    "vswitchId": subnet.get("vswitch_id"),
                }
        return None

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        number, block = _split(resource_id)
        ctx.client.act(
            ctx,
            f"/networks/{number}/actions/delete_subnet",
            {"ip_range": block},
            retry=("locked", "conflict", "service_error"),
            done=("not_found",),
        )


class NetworkRoute(Resource[Api]):
    """A route; its id is `<network id>-<destination>`."""

    token = "hcloud:index/networkRoute:NetworkRoute"  # noqa: S105 - a type's name
    properties = (
        Property("networkId", Integer, required=True, force_new=True),
        Property("destination", required=True, force_new=True, validate=check_cidr),
        Property("gateway", required=True, force_new=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body = {"destination": inputs["destination"], "gateway": inputs["gateway"]}
        resource_id = f"{inputs['networkId']}-{inputs['destination']}"
        ctx.client.act(
            ctx,
            f"/networks/{inputs['networkId']}/actions/add_route",
            body,
            landed=lambda: self.read(ctx, resource_id, {}) is not None,
        )
        return resource_id, {}

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        number, destination = _split(resource_id)
        network = ctx.client.get("networks", number) or {}
        routes: list[Json] = network.get("routes", [])
        for route in routes:
            if route["destination"] == destination:
                return {"networkId": number, **route}
        return None

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        number, destination = _split(resource_id)
        body = {"destination": destination, "gateway": state["gateway"]}
        path = f"/networks/{number}/actions/delete_route"
        ctx.client.act(ctx, path, body, done=("not_found",))


def _split(resource_id: str) -> tuple[int, str]:
    number, _, rest = resource_id.partition("-")
    if not number.isdigit() or not rest:
        raise ProviderError(f"unexpected id {resource_id!r}, expected NETWORK_ID-IP_RANGE")
    return int(number), rest


class ServerNetwork(Resource[Api]):
    """A server's place on a network; its id is `<server id>-<network id>`."""

    token = "hcloud:index/serverNetwork:ServerNetwork"  # noqa: S105 - a type's name
    properties = (
        Property("serverId", Integer, required=True, force_new=True),
        Property(
            "networkId",
            Integer,
            computed=True,
            force_new=True,
            exactly_one_of=("networkId", "subnetId"),
        ),
        Property("subnetId", force_new=True, exactly_one_of=("networkId", "subnetId")),
        Property("ip", computed=True, force_new=True, validate=check_ip),
        Property("aliasIps", SetOf(String), computed=True),
        Property("macAddress", output=True),
    )

    def check(self, ctx: Context[Api], inputs: Values) -> Sequence[Failure]:
        subnet = inputs.get("subnetId")
        if isinstance(subnet, str) and "-" not in subnet:
            return [Failure("subnetId", "expected NETWORK_ID-IP_RANGE")]
        return ()

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        network, block = network_of(inputs)
        body: Json = {"network": network, "alias_ips": inputs.get("aliasIps", [])}
        if inputs.get("ip"):
            body["ip"] = inputs["ip"]
        if block:
            body["ip_range"] = block
        attach(ctx, inputs["serverId"], body)
        resource_id = f"{inputs['serverId']}-{network}"
        outputs = self.read(ctx, resource_id, inputs)
        if outputs is None:
            raise ProviderError(f"attachment {resource_id} vanished")
        return resource_id, outputs

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        number, network = _pair(resource_id)
        server = ctx.client.get("servers", number) or {}
        places: list[Json] = server.get("private_net", [])
        for place in places:
            if place["network"] == network:
                return {
                    "serverId": number,
                    "networkId": network,
                    "ip": place["ip"],
                    "aliasIps": place["alias_ips"],
                    "macAddress": place["mac_address"],
                }
        return None

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        number, network = _pair(resource_id)
        body = {"network": network, "alias_ips": new.get("aliasIps", [])}
        ctx.client.act(ctx, f"/servers/{number}/actions/change_alias_ips", body)
        return self.read(ctx, resource_id, new) or {}

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        detach(ctx, *_pair(resource_id))


def _pair(resource_id: str) -> tuple[int, int]:
    first, _, second = resource_id.partition("-")
    if not (first.isdigit() and second.isdigit()):
        raise ProviderError(f"unexpected id {resource_id!r}, expected SERVER_ID-NETWORK_ID")
    return int(first), int(second)
