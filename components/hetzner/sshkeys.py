"""The public keys of everyone who may log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.sdk import hcloud


@dataclass(frozen=True, kw_only=True)
class SshKeysArgs:
    """`keys` maps a person's name to the public key; `prefix` keeps stacks apart in one project."""

    prefix: str
    keys: Mapping[str, str]
    labels: dict[str, str]


class SshKeys(Component):
    """SSH keys known to Hetzner.

    Servers get them by cloud-init for the user who may log in. That Hetzner has them as well keeps
    it from mailing a root password.
    """

    token: ClassVar[str] = "manacore:hetzner:SshKeys"
    key_ids: pulumi.Output[list[str]]

    def __init__(self, name: str, args: SshKeysArgs, opts: pulumi.ResourceOptions | None = None):
        """Register each key."""
        super().__init__(name, opts)
        made = [
            hcloud.SshKey(
                f"{name}-{person}",
                name=f"{args.prefix}-{person}",
                public_key=key.strip(),
                labels=args.labels,
                opts=self.child_options(),
            )
            for person, key in sorted(args.keys.items())
        ]
        self.key_ids = pulumi.Output.all(*(key.id for key in made)).apply(list)
        self.register()
