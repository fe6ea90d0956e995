"""The images of the apps: one program for all, and a last layer that makes it one service."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from localcloud.images.base import Bases
from localcloud.images.layers import LayerStore, LayerWriter, key_of
from localcloud.images.model import Image, ImageConfig, Layer
from localcloud.images.service import AppService
from localcloud.images.sources import Sources

CODE = Path(__file__).parent / "apps"
REVISION = "1"


@dataclass(frozen=True)
class Apps:
    """Makes the images of app services."""

    store: LayerStore
    sources: Sources
    bases: Bases

    @cached_property
    def code(self) -> Layer:
        """The program and what it depends on."""

        def fill(writer: LayerWriter) -> None:
            writer.directory("app")
            writer.tree(self.sources.node_modules(CODE), "/app/node_modules")
            writer.tree(CODE / "src", "/app/src")
            writer.file("app/package.json", CODE / "package.json")
            writer.file("usr/local/bin/entrypoint.sh", CODE / "entrypoint.sh", mode=0o755)
            writer.file("usr/local/bin/migrate", CODE / "migrate.sh", mode=0o755)

        return self.store.layer(key_of("apps", REVISION, CODE), fill)

    def image(self, service: AppService, version: str) -> Image:
        """One version of one service."""
        document = service.document(version)
        update = _exported_update(service, version) if service.kind == "expo" else {}

        def fill(writer: LayerWriter) -> None:
            writer.file("app/service.json", document)
            for name, content in update.items():
                writer.file(f"app/update/{name}", content)

        layer = self.store.layer(key_of("app", REVISION, document, *update.values()), fill)
        config = ImageConfig(
            user="1001:1001",
            entrypoint=("/usr/local/bin/entrypoint.sh",),
            command=("node", "/app/src/main.mjs"),
            environment={"NODE_ENV": "production"},
            working_directory="/app",
            ports=(service.port,),
            labels={
                "manacore.local": "true",
                "org.opencontainers.image.title": service.name,
                "org.opencontainers.image.version": version,
            },
        )
        return Image(layers=(self.bases.debian, self.bases.node, self.code, layer), config=config)


def _exported_update(service: AppService, version: str) -> dict[str, bytes]:
    """What `expo export` leaves: a bundle per platform, assets, and a list of them."""
    icon = f'<svg xmlns="http://www.w3.org/2000/svg"><title>{service.name}</title></svg>'.encode()
    bundles = {
        platform: (
            f"// {service.name} {version} for {platform}\n"
            f"globalThis.update = {json.dumps({'service': service.name, 'version': version})};\n"
        ).encode()
        for platform in ("ios", "android")
    }
    icon_name = f"assets/{hashlib.md5(icon, usedforsecurity=False).hexdigest()}"
    metadata = {
        "version": 0,
        "bundler": "metro",
        "fileMetadata": {
            platform: {
                "bundle": f"bundles/{platform}.js",
                "assets": [{"path": icon_name, "ext": "svg"}],
            }
            for platform in bundles
        },
    }
    return {
        "metadata.json": json.dumps(metadata, sort_keys=True).encode(),
        icon_name: icon,
        **{f"bundles/{platform}.js": content for platform, content in bundles.items()},
    }
