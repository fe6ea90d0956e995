"""An image on a server."""

from __future__ import annotations

import pulumi

from components.docker.host import Host
from components.sdk import docker


def pulled(name: str, parent: pulumi.Resource, host: Host, reference: str) -> docker.RemoteImage:
    """Pull an image to the server.

    A container takes its `image_id`: a name would differ from what the daemon reports at a refresh.
    """
    return docker.RemoteImage(
        name,
        name=reference,
        # A rollback needs it: only the retention of releases removes images.
        keep_locally=True,
        opts=host.options(parent),
    )
