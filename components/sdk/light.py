"""Resources that register what they are given, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, cast

import pulumi


@cache
def camel(name: str) -> str:
    """`zone_id` as `zoneId`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@cache
def plugin_version(vendor: str) -> str:
    """The version of the plugin that belongs to the vendor's package, which is not imported.

    Raises `ModuleNotFoundError` when it is not installed.
    """
    package = f"pulumi_{vendor}"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    described = json.loads(Path(spec.origin).with_name("pulumi-plugin.json").read_text())
    return cast(str, described["version"])


class _Light:
    """What a class registers, as the vendor's schema has it; names as in Python.

    Inputs are spelt as the plugin wants them before the SDK sees them. It would translate the keys
    of every mapping, and some are data: labels, variables, kernel parameters. Those are in `maps`.
    `outputs` are what the program reads beside what it gave, `secret` are inputs and outputs that
    always are, and `replaced_on` are what the plugin makes a new resource for.
    """

    token: ClassVar[str]
    maps: ClassVar[frozenset[str]] = frozenset()
    outputs: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[tuple[str, ...]] = ()
    former_types: ClassVar[tuple[str, ...]] = ()
    replaced_on: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def spelt(cls, given: Mapping[str, object]) -> dict[str, Any]:
        """What is given, spelt for the plugin, secrets marked, with a place for each output."""
        inputs = {
            name: pulumi.Output.secret(value) if name in cls.secret else value
            for name, value in given.items()
            if value is not None
        }
        return {camel(name): None for name in cls.outputs} | cls._named(inputs)

    @classmethod
    def options(cls, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
        """The caller's options, and those of every resource of the class."""
        return pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                # It makes the engine load the plugin that the package belongs to.
                version=plugin_version(cls.token.partition(":")[0]),
                aliases=[pulumi.Alias(type_=token) for token in cls.former_types],
                additional_secret_outputs=[camel(name) for name in cls.secret],
                replace_on_changes=list(cls.replaced_on),
            ),
            opts,
        )

    @classmethod
    def _named(cls, held: Mapping[str, object]) -> dict[str, object]:
        return {
            camel(name): value if name in cls.maps else cls._nested(value)
            for name, value in held.items()
            if value is not None
        }

    @classmethod
    def _nested(cls, value: object) -> object:
        if isinstance(value, Mapping):
            return cls._named(cast(Mapping[str, object], value))
        if isinstance(value, list | tuple):
            return [cls._nested(one) for one in cast(Iterable[object], value)]
        return value

    def __getattr__(self, name: str) -> object:
        # Reached for what is held under the plugin's spelling, and for what was never registered.
        held = vars(self)
        if camel(name) not in held:
            raise AttributeError(f"{type(self).__name__} has no property {name}")
        return held[camel(name)]


class Resource(_Light, pulumi.CustomResource):
    """A resource of a vendor."""

    def __init__(
        self, resource_name: str, opts: pulumi.ResourceOptions | None = None, **inputs: object
    ) -> None:
        """Register it under `resource_name`."""
        super().__init__(self.token, resource_name, self.spelt(inputs), self.options(opts))


class Provider(_Light, pulumi.ProviderResource):
    """Configuration of a vendor's plugin. Those in `encoded` reach it as JSON."""

    encoded: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, resource_name: str, opts: pulumi.ResourceOptions | None = None, **inputs: object
    ) -> None:
        """Register it under `resource_name`."""
        spelt = self.spelt(inputs)
        for name in self.encoded & inputs.keys():
            value = pulumi.Output.from_input(spelt[camel(name)])
            spelt[camel(name)] = value.apply(pulumi.runtime.to_json)
        super().__init__(self.token, resource_name, spelt, self.options(opts))
