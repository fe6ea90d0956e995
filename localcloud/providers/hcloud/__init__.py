"""Stand-in for the official hcloud plugin, on the vendor's Python client."""

from __future__ import annotations

import hcloud

from localcloud.providers.framework import Property, Provider, ProviderError, Values
from localcloud.providers.hcloud.api import Api, parse_duration
from localcloud.providers.hcloud.firewall import Firewall, FirewallAttachment
from localcloud.providers.hcloud.functions import FUNCTIONS
from localcloud.providers.hcloud.network import (
    Network,
    NetworkRoute,
    NetworkSubnet,
    ServerNetwork,
)
from localcloud.providers.hcloud.server import Server
from localcloud.providers.hcloud.small import PlacementGroup, PrimaryIp, Rdns, SshKey
from localcloud.providers.hcloud.volume import Volume, VolumeAttachment

DEFAULT_ENDPOINT = "https://api.hetzner.cloud/v1"
REQUEST_TIMEOUT = 60.0
TOKEN_LENGTH = 64
"""The official plugin takes no other, even for an emulator's endpoint."""


def _configure(config: Values) -> Api:
    if not config.get("token"):
        raise ProviderError(
            "missing Hetzner Cloud API token: set hcloud:token or the variable HCLOUD_TOKEN"
        )
    if len(str(config["token"])) != TOKEN_LENGTH:
        raise ProviderError(
            f"token: entered token is invalid (must be exactly {TOKEN_LENGTH} characters long)"
        )
    return Api(
        client=hcloud.Client(
            token=config["token"],
            api_endpoint=str(config.get("endpoint") or DEFAULT_ENDPOINT).rstrip("/"),
            timeout=REQUEST_TIMEOUT,
        ),
        poll_interval=parse_duration(config.get("pollInterval") or "500ms"),
        constant=config.get("pollFunction") == "constant",
    )


def provider() -> Provider[Api]:
    """The whole stand-in."""
    return Provider(
        name="hcloud",
        package="pulumi-hcloud",
        configure=_configure,
        config=(
            Property("token", secret=True, env=("HCLOUD_TOKEN",)),
            Property("endpoint", env=("HCLOUD_ENDPOINT",)),
            Property("endpointHetzner", env=("HETZNER_ENDPOINT",)),
            Property("pollInterval"),
            Property("pollFunction", choices=("constant", "exponential")),
        ),
        resources=(
            Server(),
            ServerNetwork(),
            PrimaryIp(),
            SshKey(),
            Network(),
            NetworkSubnet(),
            NetworkRoute(),
            Firewall(),
            FirewallAttachment(),
            Volume(),
            VolumeAttachment(),
            PlacementGroup(),
            Rdns(),
        ),
        functions=FUNCTIONS,
    )
