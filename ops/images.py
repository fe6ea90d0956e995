"""`manacore images`: what a build of the apps pushes, for the local cloud."""

from __future__ import annotations

from typing import Annotated

import typer

from catalog import load_catalog
from localcloud.home import Home
from ops import console
from ops.failures import OpsError, told
from ops.options import Stack
from ops.release import recovery
from ops.release.change import repository, requested

Versions = Annotated[list[str], typer.Argument(help="SERVICE=TAG ...", metavar="SERVICE=TAG")]


def images(versions: Versions, stack: Stack = "staging") -> None:
    """Make versions of apps and push them to the local registry, as their builds do for real.

    The end of a tag may ask for a defect: -unhealthy, -crash, -errors10, -slow, -stuck,
    -leak, -migration.
    """
    # Heavy, and only here.
    from localcloud.images.build import ImageBuilder  # noqa: PLC0415
    from localcloud.images.model import ImageError  # noqa: PLC0415
    from localcloud.registry.registry import Registry  # noqa: PLC0415

    with told():
        ledger, tags = recovery.read(stack), requested(versions, {})
        unknown = [service for service in tags if service not in ledger.entries]
        if unknown:
            raise OpsError("No service with slots:", unknown)
        references = [f"{repository(ledger, service)}:{tag}" for service, tag in tags.items()]
        home = Home.from_environment()
        try:
            ImageBuilder(home, Registry(home), console.note).ensure(references, load_catalog())
        except ImageError as error:
            raise OpsError("The images were not made:", str(error).splitlines()) from error
    for reference in references:
        console.out.print(reference, markup=False)
