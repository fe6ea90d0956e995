"""The image registry of the local cloud: it answers to the public registries' own names."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from localcloud.home import Home
from localcloud.machines.image import DebianImage, Say, silent
from localcloud.machines.machine import MachineError
from localcloud.machines.outer import (
    LABEL,
    PUBLIC_NETWORK,
    REGISTRY_IP,
    REGISTRY_NAMES,
    docker,
    ensure_public_network,
    exists,
    inspect,
    remove,
)
from localcloud.registry.authority import Authority

CONTAINER = "manacore-registry"
CONFIGURATION = Path(__file__).parent / "config.yml"
# Docker trusts registries on the loopback without being configured: the outer Docker pushes here.
PUSH_ADDRESS = "127.0.0.1:5001"
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
READY_WITHIN = 30.0


def registry_image() -> DebianImage:
    """Debian's docker-registry and the libraries it needs, nothing else."""
    return DebianImage(
        name="registry",
        digest="trixie3",
        arguments=(
            "--variant=extract",
            "--components=main",
            "--include=docker-registry",
            # Extracting runs no script that would link these to /usr: the loader is looked up here.
            '--setup-hook=ln -s usr/lib "$1/lib" && ln -s usr/lib64 "$1/lib64"',
        ),
        changes=(
            'ENTRYPOINT ["/usr/bin/docker-registry"]',
            'CMD ["serve", "/etc/docker/registry/config.yml"]',
        ),
    )


def repository_and_tag(reference: str) -> tuple[str, str]:
    """The path within the registry and the tag (or digest) of an image reference.

    `postgres:16.15` is `library/postgres`, as Docker understands it; the host name of the
    reference is left out, because one registry answers to all of them.
    """
    rest, _, digest = reference.partition("@")
    first, slash, path = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, rest = first, path
    else:
        host = "docker.io"
    repository, _, tag = rest.partition(":")
    if not repository:
        raise ValueError(f"{reference!r} is no image reference: expected [host/]name[:tag]")
    if host == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return repository, digest or tag or "latest"


@dataclass(frozen=True)
class Registry:
    """The registry's container on the public network, its storage in the home's caches.

    Servers reach it as `ghcr.io` and `docker.io`; the outer Docker pushes to `PUSH_ADDRESS`.
    """

    home: Home

    @property
    def authority(self) -> Authority:
        """Who signs its certificate: servers must trust it."""
        return Authority(folder=self.home.local / "ca")

    def start(self, say: Say = silent) -> None:
        """Start it unless it runs, and wait until it answers; raises `MachineError`."""
        image = registry_image().ensure(self.home, say)
        certificate, key = self.authority.issue(
            "registry", (*REGISTRY_NAMES, "localhost"), (REGISTRY_IP, "127.0.0.1")
        )
        ensure_public_network()
        wanted = f"{image} {certificate}"
        running = inspect(
            "container", CONTAINER, '{{.State.Running}} {{index .Config.Labels "manacore.made"}}'
        )
        if running != f"true {wanted}" or not self._answers():
            self.stop()
            storage = self.home.images / "registry"
            storage.mkdir(parents=True, exist_ok=True)
            docker(
                "run", "--detach", "--name", CONTAINER, "--label", LABEL,
                "--label", f"manacore.made={wanted}", "--restart", "unless-stopped",
                "--network", PUBLIC_NETWORK, "--ip", REGISTRY_IP,
                "--publish", f"{PUSH_ADDRESS}:443", "--memory", "512m",
                "--volume", f"{storage}:/var/lib/registry",
                "--volume", f"{CONFIGURATION}:/etc/docker/registry/config.yml:ro",
                "--volume", f"{certificate}:/tls.crt:ro", "--volume", f"{key}:/tls.key:ro",
                image,
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        """Remove the container; the images stay in the home's caches."""
        remove("container", CONTAINER, ("--force", "--volumes"))

    def push_target(self, reference: str) -> str:
        """Where the outer Docker pushes what servers will pull as `reference`."""
        repository, tag = repository_and_tag(reference)
        if ":" in tag:
            raise ValueError(f"{reference!r} names a digest: an image is pushed by its tag")
        return f"{PUSH_ADDRESS}/{repository}:{tag}"

    def has(self, reference: str) -> bool:
        """Whether servers can pull this image."""
        return self.digest(reference) is not None

    def digest(self, reference: str) -> str | None:
        """The digest behind a reference (`sha256:...`), None when the registry has no such image.

        Raises `MachineError` when the registry does not answer.
        """
        repository, tag = repository_and_tag(reference)
        try:
            answer = self._client().head(
                f"/v2/{repository}/manifests/{tag}", headers={"Accept": ", ".join(MANIFESTS)}
            )
        except httpx.HTTPError as error:
            raise MachineError(f"the registry at {PUSH_ADDRESS} does not answer: {error}") from None
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.headers["Docker-Content-Digest"]

    def _client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        return httpx.Client(base_url=f"https://{PUSH_ADDRESS}", verify=context, timeout=10)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return client.get("/v2/").status_code == 200
        except (httpx.HTTPError, OSError):
            return False

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if time.monotonic() > deadline:
                log = (
                    docker("logs", "--tail", "20", CONTAINER) if self._exists() else "no container"
                )
                raise MachineError(
                    f"the registry at {PUSH_ADDRESS} does not answer; "
                    f"docker logs {CONTAINER}:\n{log}"
                )
            time.sleep(0.1)

    @staticmethod
    def _exists() -> bool:
        return exists("container", CONTAINER)
