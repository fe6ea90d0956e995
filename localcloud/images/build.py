"""Making every image that a stack needs, and bringing it into the local registry."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import httpx

from catalog import Catalog
from localcloud.home import Home
from localcloud.images import public
from localcloud.images.apps import Apps
from localcloud.images.base import Bases
from localcloud.images.delivery import RegistryClient
from localcloud.images.infrastructure import BACKUP_FOLDER, OWN, Infrastructure
from localcloud.images.layers import LayerStore
from localcloud.images.model import Image, ImageError, Progress
from localcloud.images.service import AppService
from localcloud.images.sources import VICTORIA_LOGS, Sources
from localcloud.registry.registry import Registry, repository_and_tag


@dataclass(frozen=True, kw_only=True)
class AppImage:
    """A version of an app that is wanted: its reference, and the service that it is of."""

    ref: str
    service: AppService


class Target(Protocol):
    """Where images go."""

    def digest(self, repository: str, tag: str) -> str | None:
        """The digest of a tag, None when there is no such image."""
        ...

    def push(self, image: Image, repository: str, tag: str) -> str:
        """Store an image under a tag."""
        ...


def _silent(_message: str) -> None:
    return


@dataclass(frozen=True)
class ImageBuilder:
    """Makes images into the caches of `home` and pushes what `registry` lacks.

    The registry must run. Calling again is cheap: an image whose digest is there already costs
    one request.
    """

    home: Home
    registry: Registry
    progress: Progress = field(default=_silent)

    def ensure(self, references: Iterable[str], catalog: Catalog) -> None:
        """Bring all these images into the registry; raises `ImageError` naming the unknown ones.

        An app's reference is recognised by its last part, the service's name, and may carry any
        tag; an infrastructure reference must be one that can be made here (or pulled).
        """
        services = {service.name: service for service in catalog.slotted}
        apps: list[AppImage] = []
        rest: list[str] = []
        for reference in dict.fromkeys(references):
            name = repository_and_tag(reference)[0].rpartition("/")[2]
            if name in services:
                apps.append(AppImage(ref=reference, service=AppService.of(services[name])))
            else:
                rest.append(reference)
        self.build_infrastructure(rest)
        self.build_apps(apps)

    def build_infrastructure(self, references: Sequence[str] | None = None) -> None:
        """Bring infrastructure images into the registry: all known ones, unless some are named."""
        recipes = self.infrastructure.recipes
        wanted = list(recipes) if references is None else list(references)
        mode = public.policy()
        if mode == "always" or (mode == "auto" and wanted and public.reachable()):
            for reference in wanted:
                self._mirror(reference)
            return
        if unknown := [reference for reference in wanted if reference not in recipes]:
            raise ImageError(
                "no recipe for " + ", ".join(unknown) + "; made here: " + ", ".join(recipes)
            )
        self._prefetch()
        # Two at a time: most of the work is compression, and there are two cores.
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self._make, reference, recipes[reference]) for reference in wanted]
            for job in jobs:
                job.result()

    def build_apps(self, images: Iterable[AppImage]) -> None:
        """Bring versions of apps into the registry."""
        wanted = list(images)
        if not wanted:
            return
        begun = time.monotonic()
        _ = self.apps.code  # once, before the threads ask for it
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(self._app, app) for app in wanted]
            made = [job.result() for job in jobs]
        seconds = time.monotonic() - begun
        self.progress(f"apps: {sum(made)} of {len(wanted)} images pushed in {seconds:.1f} s")

    @cached_property
    def infrastructure(self) -> Infrastructure:
        """The recipes of infrastructure."""
        return Infrastructure(self._store, self._sources, self._bases)

    @cached_property
    def apps(self) -> Apps:
        """The recipe of apps."""
        return Apps(self._store, self._sources, self._bases)

    @cached_property
    def _store(self) -> LayerStore:
        return LayerStore(self.home.images)

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.home.images / "sources")

    @cached_property
    def _bases(self) -> Bases:
        return Bases(self._store, self._sources)

    @cached_property
    def _target(self) -> Target:
        context = ssl.create_default_context(cafile=str(self.registry.authority.certificate))
        host = self.registry.push_target("x").partition("/")[0]
        http = httpx.Client(base_url=f"https://{host}", verify=context, timeout=120)
        return RegistryClient(http)

    def _prefetch(self) -> None:
        """Make first, and at the same time, what takes longest: downloads and the compiler."""
        bases, sources = self._bases, self._sources
        steps: Mapping[str, Callable[[], object]] = {
            "Debian packages": lambda: bases.debian,
            "Node": lambda: bases.node,
            "PostgreSQL": sources.postgres_server,
            "VictoriaLogs": lambda: sources.go(VICTORIA_LOGS),
        }
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self._timed, name, step) for name, step in steps.items()]
            for job in jobs:
                job.result()

    def _timed(self, name: str, step: Callable[[], object]) -> None:
        begun = time.monotonic()
        step()
        if (seconds := time.monotonic() - begun) > 1:
            self.progress(f"{name}: {seconds:.0f} s")

    def _make(self, reference: str, recipe: Callable[[], Image]) -> None:
        self._put(reference, recipe())

    def _app(self, app: AppImage) -> bool:
        name, _, pinned = app.ref.partition("@")
        if pinned and self._target.digest(repository_and_tag(name)[0], pinned):
            return False
        image = self.apps.image(app.service, _version(name))
        pushed = self._put(name, image, quiet=True)
        if pinned and image.digest != pinned:
            raise ImageError(
                f"{app.ref} is no longer in the registry, and made again it is {image.digest}: "
                "put the tag alone into the ledger"
            )
        return pushed

    def _put(self, reference: str, image: Image, *, quiet: bool = False) -> bool:
        repository, tag = repository_and_tag(reference)
        if self._target.digest(repository, tag) == image.digest:
            return False
        self._target.push(image, repository, tag)
        if not quiet:
            self.progress(f"{reference} pushed")
        return True

    def _mirror(self, reference: str) -> None:
        if postgres := OWN.get(reference):
            arguments = {"POSTGRES": postgres.version}
            public.build(BACKUP_FOLDER, arguments, self.registry.push_target(reference))
            self.progress(f"{reference} built from {BACKUP_FOLDER.name}/Dockerfile")
            return
        if not self.registry.has(reference):
            public.mirror(reference, self.registry.push_target(reference))
            self.progress(f"{reference} pulled from the public registry")


def _version(reference: str) -> str:
    return repository_and_tag(reference)[1]
