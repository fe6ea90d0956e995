"""hcloud.Firewall and FirewallAttachment."""

# ruff: noqa: ARG002 - the methods' arguments are the framework's interface, used or not

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, cast

from localcloud.providers.framework import (
    Context,
    Failure,
    Integer,
    Object,
    Property,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)
from localcloud.providers.hcloud.api import Api, Json
from localcloud.providers.hcloud.creation import create, pending
from localcloud.providers.hcloud.shared import LABELS, NAME


def normal_range(text: str) -> str:
    """An address or a range as the API writes it."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return text


def normal_ranges(texts: Any) -> Any:  # noqa: ANN401 - may hold unknowns
    """Ranges as the API writes them."""
    if not isinstance(texts, list):
        return texts
    items = cast("list[Any]", texts)
    return [normal_range(item) if isinstance(item, str) else item for item in items]


def check_ranges(texts: list[str]) -> str | None:
    """Why ranges are refused."""
    for text in texts:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            return f"{text}: {error}"
    return None


RULE = Object(
    Property("direction", required=True, choices=("in", "out")),
    Property("protocol", required=True, choices=("tcp", "udp", "icmp", "esp", "gre")),
    Property("port"),
    Property("sourceIps", SetOf(String), normalise=normal_ranges, validate=check_ranges),
    Property("destinationIps", SetOf(String), normalise=normal_ranges, validate=check_ranges),
    Property("description"),
)
APPLY_TO = Object(
    Property("labelSelector", computed=True),
    Property("server", Integer, computed=True),
)


def _to_api(rule: Values) -> Json:
    return {
        "direction": rule["direction"],
        "protocol": rule["protocol"],
        "port": rule.get("port"),
        "source_ips": normal_ranges(rule.get("sourceIps", [])),
        "destination_ips": normal_ranges(rule.get("destinationIps", [])),
        "description": rule.get("description"),
    }


def _target(item: Values) -> Json:
    if item.get("labelSelector"):
        return {"type": "label_selector", "label_selector": {"selector": item["labelSelector"]}}
    return {"type": "server", "server": {"id": item["server"]}}


def _target_back(item: Json) -> Values:
    if item["type"] == "server":
        return {"server": item["server"]["id"]}
    return {"labelSelector": item["label_selector"]["selector"]}


def _plain(item: Json) -> Json:
    """A target without what the API adds to it."""
    return _target(_target_back(item))


def sync(ctx: Context[Api], firewall: Json, wanted: list[Json]) -> None:
    """Apply the firewall to exactly these resources."""
    present = [_plain(item) for item in firewall["applied_to"]]
    path = f"/firewalls/{firewall['id']}/actions"
    less = [item for item in present if item not in wanted]
    more = [item for item in wanted if item not in present]
    if less:
        gone = ("firewall_resource_not_found",)
        body = {"remove_from": less}
        ctx.client.act(ctx, f"{path}/remove_from_resources", body, done=gone)
    if more:
        ctx.client.act(ctx, f"{path}/apply_to_resources", {"apply_to": more})


class Firewall(Resource[Api]):
    """A firewall."""

    token = "hcloud:index/firewall:Firewall"  # noqa: S105 - a type's name
    autoname = "name"
    properties = (
        NAME,
        Property("labels", LABELS.type, computed=True, validate=LABELS.validate),
        Property("applyTos", SetOf(APPLY_TO), computed=True, suppress=lambda _, new: not new),
        Property("rules", SetOf(RULE)),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        body = {
            "name": inputs["name"],
            "labels": inputs.get("labels", {}),
            "rules": [_to_api(rule) for rule in inputs.get("rules", [])],
            "apply_to": [_target(item) for item in inputs.get("applyTos", [])],
        }
        answer = create(ctx, "firewalls", body)
        ctx.client.wait(ctx, *pending(answer))
        number = answer["firewall"]["id"]
        return str(number), self._outputs(ctx.client.must_get("firewalls", number))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("firewalls", resource_id)
        return None if found is None else self._outputs(found)

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        api, path = ctx.client, f"/firewalls/{resource_id}"
        body: Json = {"name": new["name"]}
        if "labels" in new:
            body["labels"] = new["labels"]
        api.call("PUT", path, body)
        if old.get("rules") != new.get("rules"):
            rules = [_to_api(rule) for rule in new.get("rules", [])]
            api.act(ctx, f"{path}/actions/set_rules", {"rules": rules})
        if new.get("applyTos"):
            wanted = [_target(item) for item in new["applyTos"]]
            sync(ctx, api.must_get("firewalls", resource_id), wanted)
        return self._outputs(api.must_get("firewalls", resource_id))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        found = ctx.client.get("firewalls", resource_id)
        if found is not None:
            sync(ctx, found, [])
            ctx.client.delete(ctx, "firewalls", resource_id)

    @staticmethod
    def _outputs(firewall: Json) -> Values:
        rules: list[Values] = []
        for rule in firewall["rules"]:
            shown: Values = {
                "direction": rule["direction"],
                "protocol": rule["protocol"],
                "sourceIps": rule["source_ips"],
                "destinationIps": rule["destination_ips"],
            }
            for key in ("port", "description"):
                if rule.get(key):
                    shown[key] = rule[key]
            rules.append(shown)
        return {
            "name": firewall["name"],
            "labels": firewall["labels"],
            "rules": rules,
            "applyTos": [_target_back(item) for item in firewall["applied_to"]],
        }


class FirewallAttachment(Resource[Api]):
    """All that a firewall is applied to; its id is the firewall's."""

    token = "hcloud:index/firewallAttachment:FirewallAttachment"  # noqa: S105 - a type's name
    properties = (
        Property("firewallId", Integer, required=True, force_new=True),
        Property("serverIds", SetOf(Integer)),
        Property("labelSelectors", SetOf(String)),
    )

    def check(self, ctx: Context[Api], inputs: Values) -> Sequence[Failure]:
        if not inputs.get("serverIds") and not inputs.get("labelSelectors"):
            return [Failure("serverIds", "no resources referenced")]
        return ()

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        number = str(inputs["firewallId"])
        return number, self._apply(ctx, number, inputs)

    def _apply(self, ctx: Context[Api], number: str, inputs: Values) -> Values:
        sync(ctx, ctx.client.must_get("firewalls", number), _targets(inputs))
        return self.read(ctx, number, inputs) or {}

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.get("firewalls", resource_id)
        if found is None:
            return None
        applied = [_target_back(item) for item in found["applied_to"]]
        return {
            "firewallId": found["id"],
            "serverIds": [item["server"] for item in applied if "server" in item],
            "labelSelectors": [i["labelSelector"] for i in applied if "labelSelector" in i],
        }

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:
        return self._apply(ctx, resource_id, new)

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        found = ctx.client.get("firewalls", resource_id)
        if found is None:
            return
        mine = _targets(state)
        kept = [_plain(item) for item in found["applied_to"] if _plain(item) not in mine]
        sync(ctx, found, kept)


def _targets(inputs: Values) -> list[Json]:
    servers = [_target({"server": number}) for number in inputs.get("serverIds", [])]
    selectors = [_target({"labelSelector": text}) for text in inputs.get("labelSelectors", [])]
    if not servers and not selectors:
        raise ProviderError("no resources referenced")
    return servers + selectors
