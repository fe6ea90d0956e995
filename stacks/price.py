"""What a stack costs a month, from the prices that Hetzner's API has today."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from stacks.settings import Settings

_API = "https://api.hetzner.cloud/v1"
_TIMEOUT = 5.0
_BACKUP_SHARE = 0.2  # Hetzner: backups cost a fifth of the server


def monthly_price(settings: Settings) -> float | None:
    """Net price in euros of servers, addresses and volumes; None when the API cannot be asked.

    A preview must work without credentials too, so a price that is not to be had is no error.
    """
    token = os.environ.get("HCLOUD_TOKEN")
    if not token:
        return None
    request = urllib.request.Request(  # noqa: S310 - the endpoint is the operator's
        f"{os.environ.get('HCLOUD_ENDPOINT', _API).rstrip('/')}/pricing",
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            pricing: dict[str, Any] = json.load(response)["pricing"]
        return _total(settings, pricing)
    except (OSError, ValueError, LookupError):
        return None


def _total(settings: Settings, pricing: dict[str, Any]) -> float:
    types = {entry["name"]: entry["prices"] for entry in pricing["server_types"]}
    addresses = next(entry for entry in pricing["primary_ips"] if entry["type"] == "ipv4")["prices"]
    gigabyte = float(pricing["volume"]["price_per_gb_month"]["net"])
    total = 0.0
    for server in settings.servers.values():
        price = _in(types[server.type.value], server.location.value)
        total += price * (1 + _BACKUP_SHARE if server.backups else 1)
        total += _in(addresses, server.location.value) + server.volume * gigabyte
    return round(total, 2)


def _in(prices: list[dict[str, Any]], location: str) -> float:
    return next(float(p["price_monthly"]["net"]) for p in prices if p["location"] == location)
