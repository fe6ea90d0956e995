"""What Hetzner Cloud has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_hcloud import (
        Firewall,
        FirewallRuleArgsDict,
        Network,
        NetworkSubnet,
        PlacementGroup,
        PrimaryIp,
        Provider,
        Rdns,
        Server,
        SshKey,
        Volume,
        VolumeAttachment,
    )
else:
    from components.sdk.light import Provider as LightProvider
    from components.sdk.light import Resource

    class Provider(LightProvider):
        """Configuration of the plugin; token and address come from the environment."""

        token = "hcloud"
        secret = ("token",)

    class Firewall(Resource):
        """What reaches servers."""

        token = "hcloud:index/firewall:Firewall"
        maps = frozenset({"labels"})

    class Network(Resource):
        """A private network."""

        token = "hcloud:index/network:Network"
        maps = frozenset({"labels"})

    class NetworkSubnet(Resource):
        """A part of a private network."""

        token = "hcloud:index/networkSubnet:NetworkSubnet"

    class PlacementGroup(Resource):
        """Servers that are kept on different machines."""

        token = "hcloud:index/placementGroup:PlacementGroup"
        maps = frozenset({"labels"})

    class PrimaryIp(Resource):
        """A public address."""

        token = "hcloud:index/primaryIp:PrimaryIp"
        maps = frozenset({"labels"})
        outputs = ("ip_address",)

    class Rdns(Resource):
        """What an address resolves back to."""

        token = "hcloud:index/rdns:Rdns"

    class Server(Resource):
        """A server."""

        token = "hcloud:index/server:Server"
        maps = frozenset({"labels"})

    class SshKey(Resource):
        """A public key."""

        token = "hcloud:index/sshKey:SshKey"
        maps = frozenset({"labels"})

    class Volume(Resource):
        """A disk beside the server."""

        token = "hcloud:index/volume:Volume"
        maps = frozenset({"labels"})
        outputs = ("linux_device",)

    class VolumeAttachment(Resource):
        """Which server has a volume."""

        token = "hcloud:index/volumeAttachment:VolumeAttachment"


__all__ = [
    "Firewall",
    "Network",
    "NetworkSubnet",
    "PlacementGroup",
    "PrimaryIp",
    "Provider",
    "Rdns",
    "Server",
    "SshKey",
    "Volume",
    "VolumeAttachment",
]
if TYPE_CHECKING:
    __all__ += ["FirewallRuleArgsDict"]
