"""A service that is released blue-green: its slots, of which one is live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import pulumi

from components.component import Component
from components.docker.container import (
    ContainerArgs,
    Mount,
    Runtime,
    container,
    http_health,
)
from components.docker.files import Files, FilesArgs
from components.docker.host import Host
from components.sdk import docker

# What a change of the catalogue may not do to a live container: replace it. It holds from the
# service's next release on, whose container is made in the idle slot. The image is not in the
# list: it follows the ledger, and a rebuilt server has to take the id that it pulled.
_KEPT_WHILE_LIVE = (
    "capabilities",
    "command",
    "cpus",
    "envs",
    "healthcheck",
    "labels",
    "logDriver",
    "logOpts",
    "memory",
    "memorySwap",
    "mounts",
    "networksAdvanced",
    "readOnly",
    "securityOpts",
    "stopTimeout",
    "tmpfs",
    "user",
)
# A release waits so long for a new version's first passed check before it gives up.
START_SECONDS = 120
# Where the images' entry point finds its files.
FILES = "/run/secrets"


@dataclass(frozen=True, kw_only=True)
class SlottedServiceArgs:
    """The service, and what each slot holds.

    `images` maps the filled slots to their images; `live` is the one that gets the traffic.
    `env` is plain; `files` are secrets, and what a client needs beside them. `health` is a path of
    the service's own port.
    """

    host: Host
    service: str
    runtime: Runtime
    images: Mapping[str, str]
    live: str
    health: str
    env: Mapping[str, pulumi.Input[str]]
    files: Mapping[str, pulumi.Input[str]]
    mounts: Sequence[Mount]
    depends_on: Sequence[pulumi.Resource] = ()


class SlottedService(Component):
    """The containers of a service, one per filled slot."""

    token: ClassVar[str] = "manacore:docker:SlottedService"
    container_name: pulumi.Output[str]
    image_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: SlottedServiceArgs, opts: pulumi.ResourceOptions | None = None
    ):
        """Pull the images and run the slots; the outputs are the live one's."""
        super().__init__(name, opts)
        self.slots: dict[str, docker.Container] = {
            slot: self._slot(f"{name}-{slot}", slot, image, args)
            for slot, image in args.images.items()
        }
        self.live = self.slots[args.live]
        self.container_name = self.live.name
        self.image_id = self.live.image
        self.register()

    def _slot(self, name: str, slot: str, image: str, args: SlottedServiceArgs) -> docker.Container:
        place = f"{args.service}-{slot}"
        mounts = list(args.mounts)
        if args.files:
            secrets = Files(
                f"{name}-secrets",
                FilesArgs(
                    host=args.host,
                    folder=f"secrets/{place}",
                    files=args.files,
                    uid=int(args.runtime.user.split(":")[0]),
                    secret=True,
                ),
                self.child_options(),
            )
            mounts.append(Mount(source=secrets.folder, target=FILES))
        return container(
            name,
            self,
            ContainerArgs(
                host=args.host,
                container=place,
                runtime=replace(args.runtime, image=image),
                health=http_health(args.runtime.port, args.health),
                env={**args.env, "SLOT": slot, "VERSION": _tag(image)},
                mounts=mounts,
                start_timeout=START_SECONDS,
                labels={"manacore.service": args.service, "manacore.slot": slot},
                ignore_changes=_KEPT_WHILE_LIVE if slot == args.live else (),
                depends_on=args.depends_on,
            ),
        )


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[2]
