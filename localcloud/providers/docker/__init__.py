"""The stand-in of the docker provider: RemoteImage, Container, Network and Volume.

It does what the official plugin does, with the same schema, on the Docker SDK for Python. A host
reached by `ssh://` is talked to through one OpenSSH connection per provider, not one per call.
"""

from __future__ import annotations

from localcloud.providers.docker.container import Container
from localcloud.providers.docker.host import DockerHost, connect
from localcloud.providers.docker.image import RemoteImage
from localcloud.providers.docker.network import Network
from localcloud.providers.docker.volume import Volume
from localcloud.providers.framework import (
    Boolean,
    ListOf,
    Object,
    Property,
    Provider,
    SetOf,
    String,
)

_CONFIG = (
    Property("host", env=("DOCKER_HOST",), default="unix:///var/run/docker.sock"),
    Property("context"),
    Property("sshOpts", ListOf(String)),
    Property("disableDockerDaemonCheck", Boolean),
    Property("caMaterial"),
    Property("certMaterial"),
    Property("keyMaterial", secret=True),
    Property("certPath", env=("DOCKER_CERT_PATH",)),
    Property(
        "registryAuth",
        SetOf(
            Object(
                Property("address", required=True),
                Property("username"),
                Property("password", secret=True),
                Property("configFile"),
                Property("configFileContent"),
                Property("authDisabled", Boolean),
            )
        ),
    ),
)

_UNSUPPORTED = (
    "index/buildxBuilder:BuildxBuilder",
    "index/image:Image",
    "index/plugin:Plugin",
    "index/registryImage:RegistryImage",
    "index/secret:Secret",
    "index/service:Service",
    "index/serviceConfig:ServiceConfig",
    "index/tag:Tag",
)


def provider() -> Provider[DockerHost]:
    """The docker provider."""
    return Provider(
        name="docker",
        package="pulumi-docker",
        config=_CONFIG,
        configure=connect,
        resources=(Container(), RemoteImage(), Network(), Volume()),
        refused={
            f"docker:{token}": "it is not part of the local cloud's docker provider"
            for token in _UNSUPPORTED
        },
    )
