"""What an image is: layers of files and a configuration, both named by their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Progress = Callable[[str], None]

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# Time plays no part in what an image is, so that the same sources always give the same digest.
EPOCH = "1970-01-01T00:00:00Z"


class ImageError(Exception):
    """An image could not be made or delivered; the message has the remedy."""


def digest_of(content: bytes) -> str:
    """The name of a blob in a registry."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A compressed layer in the cache. `diff_id` is the digest of what is in it uncompressed."""

    digest: str
    diff_id: str
    size: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """How a container of the image runs unless told otherwise."""

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    working_directory: str = "/"
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image, complete: what a registry or a daemon needs to hold it."""

    layers: tuple[Layer, ...]
    config: ImageConfig

    @property
    def config_blob(self) -> bytes:
        """The configuration document."""
        config = self.config
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environment.update(config.environment)
        runtime: dict[str, object] = {
            "User": config.user,
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "Entrypoint": list(config.entrypoint) or None,
            "Cmd": list(config.command) or None,
            "WorkingDir": config.working_directory,
            "StopSignal": config.stop_signal,
            "Labels": dict(config.labels),
        }
        if config.ports:
            runtime["ExposedPorts"] = {f"{port}/tcp": {} for port in config.ports}
        if config.volumes:
            runtime["Volumes"] = {path: {} for path in config.volumes}
        document = {
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": runtime,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]},
            "history": [{"created": EPOCH, "created_by": "manacore"} for _ in self.layers],
        }
        return json.dumps(document, sort_keys=True).encode()

    @property
    def manifest(self) -> bytes:
        """The manifest document; its digest is the image's."""
        config = self.config_blob
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "size": len(config), "digest": digest_of(config)},
            "layers": [
                {"mediaType": LAYER_TYPE, "size": layer.size, "digest": layer.digest}
                for layer in self.layers
            ],
        }
        return json.dumps(document, sort_keys=True).encode()

    @property
    def digest(self) -> str:
        """What `image@sha256:...` names."""
        return digest_of(self.manifest)
