"""The vendor's rules for names, labels, label selectors, addresses and keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Mapping

from localcloud.emulators.hetzner.errors import ApiError, invalid
from localcloud.emulators.store import Row

_LABEL_PART = r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?"
_LABEL_VALUE = re.compile(rf"^({_LABEL_PART})?$")
_LABEL_KEY = re.compile(rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_PART}$")
_HOST_NAME = re.compile(
    r"^(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"
)
_KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
)
_PRIVATE = tuple(
    ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
USER_DATA_LIMIT = 32 * 1024


def check_labels(labels: Mapping[str, object]) -> None:
    """Refuse labels outside of the vendor's syntax."""
    for key, value in labels.items():
        if _LABEL_KEY.match(key) is None or key.startswith("hetzner.cloud/"):
            raise invalid("labels", f"label key '{key}' is not correctly formatted")
        if not isinstance(value, str) or _LABEL_VALUE.match(value) is None:
            raise invalid(
                "labels", f"label value '{value}' (key: {key}) is not correctly formatted"
            )


def check_host_name(name: str) -> None:
    """Refuse a server name that is no RFC 1123 host name."""
    if _HOST_NAME.match(name) is None:
        raise invalid("name", "must be a valid hostname")


def check_name(name: str) -> None:
    """Refuse a name of another resource that is empty or too long."""
    if not name.strip() or len(name) > 128:
        raise invalid("name", "must be between 1 and 128 characters")


def check_user_data(user_data: str) -> None:
    """Refuse user-data of more than 32 KiB."""
    if len(user_data.encode()) > USER_DATA_LIMIT:
        raise invalid("user_data", "must not be larger than 32 KiB")


def private_range(text: str, field: str = "ip_range") -> ipaddress.IPv4Network:
    """A private IPv4 range in CIDR notation without host bits."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise invalid(field, f"must be a valid IPv4 range in CIDR notation: {error}") from error
    if not any(network.subnet_of(block) for block in _PRIVATE):
        raise invalid(field, "must be a private range (RFC 1918)")
    return network


def fingerprint(public_key: str) -> str:
    """The MD5 fingerprint of an OpenSSH public key, as the API shows it."""
    parts = public_key.split()
    if len(parts) < 2 or parts[0] not in _KEY_TYPES:
        raise invalid("public_key", "SSH key is not a valid OpenSSH public key")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except binascii.Error as error:
        raise invalid("public_key", "SSH key is not a valid OpenSSH public key") from error
    if parts[0].encode() not in blob[:64]:
        raise invalid("public_key", "SSH key is not a valid OpenSSH public key")
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, 32, 2))


def check_firewall_rules(rules: list[Row]) -> list[Row]:
    """Firewall rules put into the API's form; refused where the vendor refuses."""
    if len(rules) > 50:
        raise ApiError("resource_limit_exceeded", "firewall rules limit exceeded")
    return [_firewall_rule(index, rule) for index, rule in enumerate(rules)]


def _firewall_rule(index: int, rule: Row) -> Row:
    where = f"rules.{index}"
    direction, protocol, port = rule.get("direction"), rule.get("protocol"), rule.get("port")
    if direction not in ("in", "out"):
        raise invalid(f"{where}.direction", "must be one of: in, out")
    if protocol not in ("tcp", "udp", "icmp", "esp", "gre"):
        raise invalid(f"{where}.protocol", "must be one of: tcp, udp, icmp, esp, gre")
    if protocol in ("tcp", "udp"):
        _check_port(f"{where}.port", port)
    elif port is not None:
        raise invalid(f"{where}.port", f"must not be set for protocol {protocol}")
    wanted, other = "source_ips", "destination_ips"
    if direction == "out":
        wanted, other = other, wanted
    if not rule.get(wanted):
        raise invalid(f"{where}.{wanted}", f"must not be empty for direction {direction}")
    if rule.get(other):
        raise invalid(f"{where}.{other}", f"must be empty for direction {direction}")
    description = rule.get("description")
    if description is not None and len(description) > 255:
        raise invalid(f"{where}.description", "must not be longer than 255 characters")
    return {
        "direction": direction,
        "protocol": protocol,
        "port": port,
        "source_ips": _ranges(f"{where}.source_ips", rule.get("source_ips") or []),
        "destination_ips": _ranges(f"{where}.destination_ips", rule.get("destination_ips") or []),
        "description": description,
    }


def _check_port(where: str, port: object) -> None:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", port) if isinstance(port, str) else None
    if port == "any":
        return
    if match is None:
        raise invalid(where, "must be a port, a range of ports or 'any'")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= 65535:
        raise invalid(where, "must be between 1 and 65535")


def _ranges(where: str, texts: list[str]) -> list[str]:
    try:
        return [str(ipaddress.ip_network(text)) for text in texts]
    except ValueError as error:
        raise invalid(where, f"must be ranges in CIDR notation: {error}") from error


_SELECTOR = re.compile(
    r"^(?P<neg>!)?(?P<key>[A-Za-z0-9][\w./-]*)"
    r"(?:(?P<op>==|=|!=)(?P<value>[\w.-]*)|\s+(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?$"
)


def matches_selector(labels: Mapping[str, str], selector: str) -> bool:
    """Whether labels fit a label selector: `k`, `!k`, `k=v`, `k!=v`, `k in (a,b)`, ..."""
    terms = re.split(r",(?![^(]*\))", selector)
    return all(_matches_term(labels, term.strip()) for term in terms)


def _matches_term(labels: Mapping[str, str], term: str) -> bool:
    match = _SELECTOR.match(term)
    if match is None:
        raise invalid("label_selector", f"'{term}' is not a valid label selector")
    value = labels.get(match["key"])
    if match["set"]:
        values = {item.strip() for item in match["values"].split(",")}
        return (value in values) == (match["set"] == "in")
    if match["op"]:
        return (value == match["value"]) == (match["op"] != "!=")
    return (value is None) == bool(match["neg"])
