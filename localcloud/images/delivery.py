"""Bringing an image to where it runs: a registry over HTTP, or a Docker daemon as an archive."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from localcloud.images.model import MANIFEST_TYPE, Image, ImageError, digest_of

_CHUNK = 1 << 20


@dataclass(frozen=True)
class RegistryClient:
    """Pushes images to a registry: a blob that is there already is not sent again.

    Without a daemon in between, so that 33 images that differ in one small layer cost
    33 small requests.
    """

    http: httpx.Client

    def digest(self, repository: str, tag: str) -> str | None:
        """The digest of a tag, None when the registry has no such image."""
        answer = self.http.head(
            f"/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFEST_TYPE}
        )
        if answer.status_code == 404:
            return None
        self._check(answer, f"look up {repository}:{tag}")
        return answer.headers["Docker-Content-Digest"]

    def push(self, image: Image, repository: str, tag: str) -> str:
        """Push an image and return its digest."""
        for layer in image.layers:
            self._blob(repository, layer.digest, layer.path)
        config = image.config_blob
        self._blob(repository, digest_of(config), config)
        answer = self.http.put(
            f"/v2/{repository}/manifests/{tag}",
            content=image.manifest,
            headers={"Content-Type": MANIFEST_TYPE},
        )
        self._check(answer, f"push {repository}:{tag}")
        return image.digest

    def _blob(self, repository: str, digest: str, content: Path | bytes) -> None:
        # All repositories share one store, so a blob that any of them has is only linked here.
        present = self.http.head(f"/v2/{repository}/blobs/{digest}")
        if present.status_code == 200:
            return
        begun = self.http.post(f"/v2/{repository}/blobs/uploads/", params={"mount": digest})
        if begun.status_code == 201:
            return
        self._check(begun, f"begin an upload to {repository}")
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        answer = self.http.put(
            httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest}),
            content=content if isinstance(content, bytes) else _pieces(content),
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
        )
        self._check(answer, f"upload {digest} to {repository}")

    @staticmethod
    def _check(answer: httpx.Response, what: str) -> None:
        if answer.is_error:
            raise ImageError(
                f"the registry refused to {what}: {answer.status_code} {answer.text[:300]}"
            )


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece


def load(image: Image, reference: str) -> None:
    """Hand an image to this machine's Docker daemon, as `docker load` takes it."""
    config = image.config_blob
    config_name = digest_of(config).removeprefix("sha256:") + ".json"
    names = [f"{layer.digest.removeprefix('sha256:')}.tar.gz" for layer in image.layers]
    manifest = [{"Config": config_name, "RepoTags": [reference], "Layers": names}]
    with subprocess.Popen(
        ["docker", "load", "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        if process.stdin is None:
            raise ImageError("docker load takes no input")
        with tarfile.open(fileobj=process.stdin, mode="w|") as archive:
            _put(archive, config_name, config)
            written: set[str] = set()
            for name, layer in zip(names, image.layers, strict=True):
                if name not in written:
                    written.add(name)
                    archive.add(layer.path, name)
            _put(archive, "manifest.json", json.dumps(manifest).encode())
        process.stdin.close()
        if process.wait() != 0:
            raise ImageError(f"docker load of {reference} failed: is the daemon running?")


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
