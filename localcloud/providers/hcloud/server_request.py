"""What a new server is asked for."""

from __future__ import annotations

from localcloud.providers.framework import ProviderError, Values
from localcloud.providers.hcloud.api import Api, Json


def creation(api: Api, inputs: Values) -> tuple[Json, bool]:
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
