"""A small provider over a dictionary: what the framework's tests work with."""

from __future__ import annotations

import itertools
from typing import Any

from localcloud.providers.framework import (
    Boolean,
    Context,
    Failure,
    Function,
    Integer,
    ListOf,
    MapOf,
    NotFound,
    Object,
    PartialFailure,
    Property,
    Provider,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)

PACKAGE = "pulumi-random"  # any installed SDK: it only gives the version


class Shelf:
    """The toy cloud: things by id."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.things: dict[str, Values] = {}
        self.ids = itertools.count(1)


class Thing(Resource[Shelf]):
    """A resource with a property of each kind."""

    token = "toy:index:Thing"
    autoname = "name"
    properties = (
        Property("name", force_new=True),
        Property("size", Integer, default=1),
        Property("kind", choices=("round", "square")),
        Property("labels", MapOf(String)),
        Property("tags", SetOf(String)),
        Property(
            "ports", ListOf(Object(Property("internal", Integer, required=True, force_new=True)))
        ),
        Property("password", secret=True, conflicts_with=("token",)),
        Property("token"),
        Property("zone", computed=True),
        Property("broken", Boolean),
        Property("path", normalise=str.lower),
        Property("address", output=True),
        Property("revision", Integer, output=True, volatile=True),
    )

    def check(self, ctx: Context[Shelf], inputs: Values) -> list[Failure]:
        return [Failure("size", "must not be 13")] if inputs.get("size") == 13 else []

    def create(self, ctx: Context[Shelf], inputs: Values) -> tuple[str, Values]:
        if inputs.get("labels", {}).get("fail"):
            raise ProviderError("the shelf is full")
        shelf = ctx.client
        resource_id = str(next(shelf.ids))
        outputs = {"zone": "here", "address": f"{shelf.owner}/{resource_id}", "revision": 1}
        shelf.things[resource_id] = {**outputs, **inputs}
        if inputs.get("broken"):
            raise PartialFailure(resource_id, outputs, "it does not stand")
        return resource_id, shelf.things[resource_id]

    def read(self, ctx: Context[Shelf], resource_id: str, state: Values) -> Values | None:
        found = ctx.client.things.get(resource_id)
        return {**found, "labels": found.get("labels")} if found else None

    def update(self, ctx: Context[Shelf], resource_id: str, old: Values, new: Values) -> Values:
        thing = ctx.client.things[resource_id]
        ctx.client.things[resource_id] = {**new, "revision": thing["revision"] + 1}
        return {"revision": thing["revision"] + 1}

    def delete(self, ctx: Context[Shelf], resource_id: str, state: Values) -> None:
        if ctx.client.things.pop(resource_id, None) is None:
            raise NotFound(resource_id)


def count(ctx: Context[Shelf], args: Values) -> Values:
    """How many things there are with this prefix."""
    names = [str(thing["name"]) for thing in ctx.client.things.values()]
    return {"count": sum(name.startswith(args["prefix"]) for name in names)}


def provider(shelves: dict[str, Shelf]) -> Provider[Shelf]:
    """The toy provider; each owner's shelf lives in the given dictionary."""

    def configure(config: dict[str, Any]) -> Shelf:
        return shelves.setdefault(config["owner"], Shelf(config["owner"]))

    return Provider(
        name="toy",
        package=PACKAGE,
        config=(
            Property("owner", required=True, env=("TOY_OWNER",)),
            Property("options", ListOf(String)),
        ),
        configure=configure,
        resources=(Thing(),),
        functions=(
            Function(
                token="toy:index:count", properties=(Property("prefix", required=True),), run=count
            ),
        ),
        refused={"toy:index:Old": "use toy:index:Thing"},
    )
