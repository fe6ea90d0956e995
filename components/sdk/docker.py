"""What runs on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_docker import (
        Container,
        ContainerMountArgsDict,
        Network,
        Provider,
        RemoteImage,
    )
else:
    from components.sdk.light import Provider as LightProvider
    from components.sdk.light import Resource

    class Provider(LightProvider):
        """Configuration of the plugin: one for each server."""

        token = "docker"
        encoded = frozenset({"disable_docker_daemon_check", "registry_auth", "ssh_opts"})

    class Container(Resource):
        """A container."""

        token = "docker:index/container:Container"
        maps = frozenset({"log_opts", "storage_opts", "sysctls", "tmpfs"})

    class Network(Resource):
        """A network."""

        token = "docker:index/network:Network"
        maps = frozenset({"ipam_options", "options"})

    class RemoteImage(Resource):
        """An image that the daemon pulls."""

        token = "docker:index/remoteImage:RemoteImage"
        maps = frozenset({"triggers"})
        outputs = ("image_id",)


__all__ = [
    "Container",
    "Network",
    "Provider",
    "RemoteImage",
]
if TYPE_CHECKING:
    __all__ += [
        "ContainerMountArgsDict",
    ]
