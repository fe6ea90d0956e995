"""Credentials of image registries, and whose image a name means."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from localcloud.providers.framework import ProviderError

Credentials = Mapping[str, Mapping[str, str]]
"""`{"username": ..., "password": ...}` by the registry's host name."""

DOCKER_HUB: Final = "registry-1.docker.io"
_HUB_NAMES: Final = frozenset(
    {DOCKER_HUB, "index.docker.io", "docker.io", "registry.hub.docker.com"}
)


def load_credentials(entries: Sequence[Mapping[str, Any]]) -> Credentials:
    """The provider's `registryAuth`, read as the official plugin reads it."""
    return {_host(str(entry["address"])): _credentials(entry) for entry in entries}


def credentials_for(image: str, credentials: Credentials) -> Mapping[str, str] | None:
    """The credentials to pull an image with, if there are any."""
    registry = registry_of(image)
    if registry in _HUB_NAMES:
        return next((credentials[name] for name in _HUB_NAMES if name in credentials), None)
    return credentials.get(registry)


def registry_of(image: str) -> str:
    """The registry's host name in an image's name, Docker Hub's when there is none."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return DOCKER_HUB


def _host(address: str) -> str:
    return address.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _credentials(entry: Mapping[str, Any]) -> Mapping[str, str]:
    if entry.get("authDisabled"):
        return {"username": "username", "password": "password"}
    if entry.get("username"):
        return {"username": entry["username"], "password": entry.get("password", "")}
    if entry.get("configFileContent"):
        return _from_config(str(entry["configFileContent"]), str(entry["address"]))
    path = Path(str(entry.get("configFile") or "~/.docker/config.json")).expanduser()
    try:
        return _from_config(path.read_text(), str(entry["address"]))
    except OSError as error:
        raise ProviderError(f"registryAuth: could not open config file {path}: {error}") from error


def _from_config(text: str, address: str) -> Mapping[str, str]:
    try:
        auths: dict[str, dict[str, str]] = json.loads(text).get("auths", {})
        for name, auth in auths.items():
            if _host(name) == _host(address):
                user, _, password = base64.b64decode(auth["auth"]).decode().partition(":")
                return {"username": user, "password": password}
    except (ValueError, KeyError) as error:
        raise ProviderError(f"registryAuth: the config file is not valid: {error}") from error
    raise ProviderError(f"registryAuth: couldn't find registry config for '{address}' in the file")
