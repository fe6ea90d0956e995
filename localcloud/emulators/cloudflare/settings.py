"""The zone settings that there are, what they may be, and what they are at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from localcloud.emulators.cloudflare.envelope import refuse


@dataclass(frozen=True)
class _Choice:
    """A setting that is one of some values; the first is what a new zone has."""

    values: tuple[object, ...]


def _switch(*, on: bool = False) -> _Choice:
    return _Choice(("on", "off") if on else ("off", "on"))


_HSTS: Final[Mapping[str, type]] = {
    "enabled": bool,
    "include_subdomains": bool,
    "max_age": int,
    "nosniff": bool,
    "preload": bool,
}
_HSTS_OFF: Final[Mapping[str, Any]] = {
    "enabled": False,
    "include_subdomains": False,
    "max_age": 0,
    "nosniff": False,
    "preload": False,
}

SETTINGS: Final[Mapping[str, _Choice | None]] = {
    "0rtt": _switch(),
    "always_online": _switch(),
    "always_use_https": _switch(),
    "automatic_https_rewrites": _switch(on=True),
    "brotli": _switch(on=True),
    "browser_cache_ttl": _Choice((14400, 0, 1800, 3600, 7200, 86400, 604800, 2592000, 31536000)),
    "browser_check": _switch(on=True),
    "cache_level": _Choice(("aggressive", "basic", "simplified")),
    "development_mode": _switch(),
    "early_hints": _switch(),
    "email_obfuscation": _switch(on=True),
    "hotlink_protection": _switch(),
    "http2": _switch(on=True),
    "http3": _switch(on=True),
    "ip_geolocation": _switch(on=True),
    "ipv6": _switch(on=True),
    "min_tls_version": _Choice(("1.0", "1.1", "1.2", "1.3")),
    "opportunistic_encryption": _switch(on=True),
    "opportunistic_onion": _switch(on=True),
    "rocket_loader": _switch(),
    "security_header": None,  # a structure of its own
    "security_level": _Choice(("medium", "off", "essentially_off", "low", "high", "under_attack")),
    "server_side_exclude": _switch(on=True),
    "ssl": _Choice(("full", "off", "flexible", "strict", "origin_pull")),
    "tls_1_3": _Choice(("on", "off", "zrt")),
    "websockets": _switch(on=True),
}


def default_value(setting_id: str) -> object:
    """What a new zone has. Raises the API's 400 for a setting that there is not."""
    if setting_id not in SETTINGS:
        raise refuse(400, 1006, f"Unrecognized zone setting name: {setting_id}")
    choice = SETTINGS[setting_id]
    if choice is None:
        return {"strict_transport_security": dict(_HSTS_OFF)}
    return choice.values[0]


def checked_value(setting_id: str, value: object, current: object) -> object:
    """`value` as it is kept. Raises the API's 400 when the setting cannot be that."""
    default_value(setting_id)
    choice = SETTINGS[setting_id]
    if choice is None:
        return _security_header(value, current)
    # 1 and True are equal to Python, but not to the API.
    if not any(value == other and type(value) is type(other) for other in choice.values):
        raise refuse(400, 1007, f"Invalid value for zone setting {setting_id}")
    return value


def _security_header(value: object, current: object) -> object:
    given: object = None
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value).get("strict_transport_security")
    if not isinstance(given, dict):
        raise refuse(400, 1007, "Invalid value for zone setting security_header")
    hsts = cast("dict[str, Any]", given)
    for key, item in hsts.items():
        kind = _HSTS.get(key)
        if kind is None or type(item) is not kind:
            raise refuse(400, 1007, f"Invalid value for zone setting security_header: {key}")
    before = cast("dict[str, dict[str, Any]]", current)["strict_transport_security"]
    return {"strict_transport_security": {**before, **hsts}}
