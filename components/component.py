"""The base of every component: its type token, and outputs that are registered as annotated."""

from __future__ import annotations

from inspect import get_annotations
from typing import ClassVar, get_origin

import pulumi


class Component(pulumi.ComponentResource):
    """A Pulumi component whose outputs are its annotations.

    A subclass sets `token` (`manacore:<area>:<Noun>`), creates its children with
    `self.child_options()`, assigns every annotated attribute, and calls `self.register()` last.
    """

    token: ClassVar[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the component itself under `name`."""
        super().__init__(self.token, name, None, opts)

    def child_options(self) -> pulumi.ResourceOptions:
        """Options of a child: this component as its parent, and nothing of the caller's."""
        return pulumi.ResourceOptions(parent=self)

    def register(self) -> None:
        """Register exactly the annotated outputs.

        Raises `AttributeError` when one of them was not assigned: a declared output that does
        not exist is a mistake in the component.
        """
        self.register_outputs({name: getattr(self, name) for name in self.output_names()})

    @classmethod
    def output_names(cls) -> tuple[str, ...]:
        """The names of the outputs, in the order of their annotations."""
        names: list[str] = []
        for base in reversed(cls.__mro__):
            if not issubclass(base, Component) or base is Component:
                continue
            hints: dict[str, object] = get_annotations(base, eval_str=True)
            names += [name for name, hint in hints.items() if get_origin(hint) is pulumi.Output]
        return tuple(dict.fromkeys(names))
