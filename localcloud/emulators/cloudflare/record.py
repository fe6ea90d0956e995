"""What Cloudflare accepts as a DNS record, and how it writes it down."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from localcloud.emulators.cloudflare.envelope import ApiError, Problem, refuse

PROXIABLE: Final = ("A", "AAAA", "CNAME")
TYPES: Final = (*PROXIABLE, "CAA", "MX", "NS", "TXT")
LONGEST_COMMENT: Final = 100  # of the free plan
_LABEL: Final = re.compile(r"(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)")
_HOST: Final = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}\.?")
_CAA_TAGS: Final = ("issue", "issuewild", "iodef", "issuemail")


def checked_record(given: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """The record as it is kept. Raises the API's 400 with everything that is wrong."""
    kind = str(given.get("type", "")).upper()
    if kind not in TYPES:
        raise refuse(400, 9009, f"Invalid record type {given.get('type')!r}.")
    problems: list[Problem] = []
    name = _name(given.get("name"), zone, problems)
    content, data = _content(kind, given, problems)
    proxied = given.get("proxied", False) or False
    if not isinstance(proxied, bool):
        problems.append(Problem(9003, "Invalid value for proxied: must be true or false."))
    elif proxied and kind not in PROXIABLE:
        problems.append(Problem(9004, "This record type cannot be proxied."))
    ttl = given.get("ttl", 1)
    if not _is_number(ttl) or (ttl != 1 and not 60 <= ttl <= 86400):
        message = "Invalid TTL. Must be between 60 and 86,400 seconds, or 1 for Automatic."
        problems.append(Problem(9021, message))
    comment = given.get("comment")
    if comment is not None and (not isinstance(comment, str) or len(comment) > LONGEST_COMMENT):
        message = f"DNS record comment is longer than the {LONGEST_COMMENT} characters allowed."
        problems.append(Problem(9202, message))
    if given.get("tags"):
        problems.append(Problem(9301, "DNS record has more tags than the zone's plan allows: 0."))
    if problems:
        raise ApiError(400, *problems)
    record: dict[str, Any] = {
        "name": name,
        "type": kind,
        "content": content,
        "proxied": proxied,
        "ttl": 1 if proxied else int(ttl),
        "settings": _settings(kind, given.get("settings")),
        "comment": comment or None,
        "tags": [],
    }
    if data is not None:
        record["data"] = data
    if kind == "MX":
        record["priority"] = given.get("priority", 0)
    return record


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(given: object, zone: str, problems: list[Problem]) -> str:
    """The full name: a name that does not end with the zone's is taken as relative to it."""
    if not isinstance(given, str) or not given:
        problems.append(Problem(9000, "DNS name is invalid."))
        return ""
    try:
        name = given.rstrip(".").lower().encode("idna").decode() if given != "@" else zone
    except UnicodeError:
        problems.append(Problem(9000, "DNS name is invalid."))
        return ""
    if name != zone and not name.endswith(f".{zone}"):
        name = f"{name}.{zone}"
    labels = name.removesuffix(zone).rstrip(".").split(".") if name != zone else []
    wildcard_inside = "*" in labels[1:]
    if len(name) > 253 or wildcard_inside or not all(_LABEL.fullmatch(part) for part in labels):
        problems.append(Problem(9000, "DNS name is invalid."))
    return name


def _content(
    kind: str, given: Mapping[str, Any], problems: list[Problem]
) -> tuple[str, dict[str, Any] | None]:
    if kind == "CAA":
        return _caa(given, problems)
    content = given.get("content")
    if not isinstance(content, str) or not content:
        problems.append(Problem(9101, f"content is a required field for a {kind} record."))
        return "", None
    if kind in ("A", "AAAA"):
        return _address(kind, content, problems), None
    if kind in ("CNAME", "MX", "NS"):
        if _HOST.fullmatch(content.lower()) is None:
            message = f"Content for {kind} record is invalid: a host name is expected."
            problems.append(Problem(9007, message))
        return content.rstrip("."), None
    return content, None


def _address(kind: str, content: str, problems: list[Problem]) -> str:
    version = 4 if kind == "A" else 6
    try:
        address = ipaddress.ip_address(content)
    except ValueError:
        address = None
    if address is None or address.version != version:
        code = 9005 if version == 4 else 9006
        message = f"Content for {kind} record must be a valid IPv{version} address."
        problems.append(Problem(code, message))
        return content
    return str(address)


def _caa(given: Mapping[str, Any], problems: list[Problem]) -> tuple[str, dict[str, Any] | None]:
    raw = given.get("data")
    if isinstance(raw, dict):
        data = cast("dict[str, Any]", raw)
        flags, tag, value = data.get("flags", 0), data.get("tag"), data.get("value")
    else:
        parts = re.fullmatch(r'(\d+) (\w+) "?([^"]*)"?', str(given.get("content", "")))
        if parts is None:
            problems.append(Problem(9101, "data is a required field for a CAA record."))
            return "", None
        flags, tag, value = int(parts[1]), parts[2], parts[3]
    if not _is_number(flags) or not 0 <= flags <= 255:
        problems.append(Problem(9102, "CAA flags must be a number between 0 and 255."))
        flags = 0
    if tag not in _CAA_TAGS:
        problems.append(Problem(9103, f"CAA tag must be one of {', '.join(_CAA_TAGS)}."))
    if not isinstance(value, str) or (tag == "iodef" and ":" not in value):
        problems.append(Problem(9104, "CAA value is invalid."))
    return f'{int(flags)} {tag} "{value}"', {"flags": int(flags), "tag": tag, "value": value}


def _settings(kind: str, given: object) -> dict[str, Any]:
    settings = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    known = ("ipv4_only", "ipv6_only", "flatten_cname") if kind == "CNAME" else ()
    return {key: bool(settings[key]) for key in known if settings.get(key) is not None}
