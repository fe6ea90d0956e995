"""Properties and checks that several resources have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from localcloud.providers.framework import Boolean, MapOf, Property, String

_PART = r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?"
_VALUE = re.compile(rf"^({_PART})?$")
_KEY = re.compile(rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_PART}$")
DATACENTER_REMOVED = "the datacenter attribute was removed: use location instead"


def check_labels(labels: Mapping[str, Any]) -> str | None:
    """Why labels are refused."""
    for key, value in labels.items():
        if _KEY.match(key) is None:
            return f"label key {key!r} is not correctly formatted"
        if isinstance(value, str) and _VALUE.match(value) is None:
            return f"label value {value!r} (key: {key}) is not correctly formatted"
    return None


def refuse_datacenter(_value: object) -> str:
    """Why `datacenter` is refused."""
    return DATACENTER_REMOVED


def refuse_medium(_value: object) -> str:
    """Why `iso` and `rescue` are refused: a server of the local cloud has nothing to boot from."""
    return "the local cloud has no ISO images and no rescue system: use the official plugin"


def check_ip(value: str) -> str | None:
    """Why something is no IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        return str(error)
    return None


def check_cidr(value: str) -> str | None:
    """Why something is no range."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        return str(error)
    return None if "/" in value else f"{value!r} is not in CIDR notation"


NAME = Property("name")
LABELS = Property("labels", MapOf(String), validate=check_labels)
DELETE_PROTECTION = Property("deleteProtection", Boolean, default=False)


def flag(name: str, *, default: bool | None = False) -> Property:
    """An optional switch."""
    return Property(name, Boolean, default=default)
