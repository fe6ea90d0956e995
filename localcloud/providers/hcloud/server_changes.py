"""What is done to a server that exists: networks, firewalls, addresses, type, protection."""

from __future__ import annotations

from localcloud.providers.framework import Context, NotFound, ProviderError, Values
from localcloud.providers.hcloud.api import Api, Json


def network_of(place: Values) -> tuple[int, str | None]:
    """Network and range that an attachment names: by `networkId` or by `subnetId`."""
    subnet = place.get("subnetId")
    if subnet:
        number, _, block = str(subnet).partition("-")
        if not number.isdigit() or "/" not in block:
            raise ProviderError(f"unexpected subnet id {subnet!r}, expected NETWORK_ID-IP_RANGE")
        return int(number), block
    return int(place["networkId"]), None


def attach_inline(ctx: Context[Api], number: object, place: Values) -> None:
    """Put a server on a network as the program wrote it."""
    network, block = network_of(place)
    body: Json = {"network": network, "alias_ips": place.get("aliasIps", [])}
    if place.get("ip"):
        body["ip"] = place["ip"]
    if block:
        body["ip_range"] = block
    attach(ctx, number, body)


def attach(ctx: Context[Api], number: object, body: Json) -> None:
    """Put a server on a network; being there already is fine."""

    def landed() -> bool:
        places: list[Json] = ctx.client.must_get("servers", number)["private_net"]
        return any(place["network"] == body["network"] for place in places)

    ctx.client.act(
        ctx,
        f"/servers/{number}/actions/attach_to_network",
        body,
        retry=("locked", "conflict", "service_error", "no_subnet_available"),
        done=("server_already_attached",),
        landed=landed,
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


def protect(ctx: Context[Api], number: object, on: bool) -> None:
    """Set both protections: the API wants them equal."""
    body = {"delete": on, "rebuild": on}
    ctx.client.act(ctx, f"/servers/{number}/actions/change_protection", body)


def change_type(ctx: Context[Api], server: Json, new: Values) -> None:
    """Another server type, with the server off meanwhile.

    Like the official plugin this does not start the server again: the API does.
    """
    api, path = ctx.client, f"/servers/{server['id']}/actions"
    if server["status"] == "running":
        api.act(ctx, f"{path}/poweroff")
    body = {"server_type": new["serverType"], "upgrade_disk": not new.get("keepDisk")}
    api.act(ctx, f"{path}/change_type", body)


def sync_networks(ctx: Context[Api], server: Json, wanted: list[Values]) -> None:
    """Put the server on exactly the wanted networks, with the wanted addresses."""
    places = {network_of(place)[0]: place for place in wanted}
    for present in server["private_net"]:
        place = places.pop(present["network"], None)
        if place is None or place.get("ip", present["ip"]) != present["ip"]:
            detach(ctx, server["id"], present["network"])
            if place is not None:
                attach_inline(ctx, server["id"], place)
        elif set(place.get("aliasIps", [])) != set(present["alias_ips"]):
            body = {"network": present["network"], "alias_ips": place.get("aliasIps", [])}
            ctx.client.act(ctx, f"/servers/{server['id']}/actions/change_alias_ips", body)
    for place in places.values():
        attach_inline(ctx, server["id"], place)


def sync_firewalls(ctx: Context[Api], server: Json, wanted: list[int]) -> None:
    """Let exactly these firewalls apply to the server."""
    present = {item["id"] for item in server["public_net"]["firewalls"]}
    resource = [{"type": "server", "server": {"id": server["id"]}}]
    for number in present - set(wanted):
        path = f"/firewalls/{number}/actions/remove_from_resources"
        ctx.client.act(ctx, path, {"remove_from": resource})
    for number in set(wanted) - present:
        path = f"/firewalls/{number}/actions/apply_to_resources"
        ctx.client.act(ctx, path, {"apply_to": resource})


def sync_addresses(ctx: Context[Api], server: Json, wanted: list[Values]) -> None:
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


def sync_group(ctx: Context[Api], server: Json, wanted: int | None) -> None:
    """Move the server, which must be off, to another placement group or to none."""
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
