"""Servers of a stack on different machines of the data centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.sdk import hcloud


@dataclass(frozen=True, kw_only=True)
class PlacementArgs:
    """Labels of the group."""

    labels: dict[str, str]


class Placement(Component):
    """A spread placement group."""

    token: ClassVar[str] = "manacore:hetzner:Placement"
    group_id: pulumi.Output[int]

    def __init__(self, name: str, args: PlacementArgs, opts: pulumi.ResourceOptions | None = None):
        """Make the group."""
        super().__init__(name, opts)
        group = hcloud.PlacementGroup(
            f"{name}-placement",
            name=name,
            type="spread",
            labels=args.labels,
            opts=self.child_options(),
        )
        self.group_id = group.id.apply(int)
        self.register()
