"""The rules by which a resource's inputs and outputs follow from each other."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from localcloud.providers.diff import compare
from localcloud.providers.framework import (
    UNKNOWN,
    Context,
    NotFound,
    PartialFailure,
    ProviderError,
    Resource,
    Secret,
    Values,
)

ClientT = TypeVar("ClientT")

TAINTED: Final = "__tainted"
"""In the state of a resource that did not come up: the next update replaces it."""
_DEFAULTS: Final = "__defaults"
"""In the inputs: the properties whose values the provider chose, as the bridge records them."""


def without_internal(values: Mapping[str, Any]) -> Values:
    """The values without the framework's own marks."""
    return {key: value for key, value in values.items() if not key.startswith("__")}


def with_autoname(
    resource: Resource[ClientT],
    urn: str,
    seed: bytes,
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
) -> Values:
    """The inputs with a generated name when the resource type has one and the program gave none."""
    field = resource.autoname
    if field is None or field in news:
        return dict(news)
    if field in olds.get(_DEFAULTS, ()) and field in olds:
        name = olds[field]
    else:
        logical = urn.rpartition("::")[2]
        random = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(4)
        name = f"{logical}-{random[:7]}"
    return {**news, field: name, _DEFAULTS: [field]}


def deletes_first(
    resource: Resource[ClientT], old_inputs: Mapping[str, Any], new_inputs: Mapping[str, Any]
) -> bool:
    """Whether a replacement has to delete the old resource first: both would have one name."""
    if resource.delete_before_replace:
        return True
    field = resource.autoname
    if field is None or field in new_inputs.get(_DEFAULTS, ()):
        return False
    return old_inputs.get(field) == new_inputs.get(field)


def preview_create(resource: Resource[ClientT], inputs: Values) -> Values:
    """The outputs of a resource that does not exist yet: what is computed is unknown."""
    unknown = {
        field.name: UNKNOWN
        for field in resource.properties
        if (field.output or field.computed) and field.name not in inputs
    }
    return {**unknown, **inputs, **resource.preview(without_internal(inputs))}


def kept_by_update(
    resource: Resource[ClientT], old: Values, new: Values, *, preview: bool
) -> Values:
    """The outputs before an update in place has answered: inputs and what was computed."""
    kept: Values = {}
    for field in resource.properties:
        if field.name in new or not (field.output or field.computed):
            continue
        if field.volatile and preview:
            kept[field.name] = UNKNOWN
        elif field.name in old:
            kept[field.name] = old[field.name]
    return {**kept, **new}


def create(
    resource: Resource[ClientT], ctx: Context[ClientT], inputs: Values
) -> tuple[str, Values]:
    """Create, and undo it when the engine is gone: nobody would know of the resource."""
    try:
        resource_id, made = resource.create(ctx, inputs)
    except PartialFailure as failure:
        _undo_if_abandoned(resource, ctx, failure.resource_id, {**inputs, **failure.outputs})
        raise
    _undo_if_abandoned(resource, ctx, resource_id, {**inputs, **made})
    return resource_id, made


def _undo_if_abandoned(
    resource: Resource[ClientT], ctx: Context[ClientT], resource_id: str, state: Values
) -> None:
    if not ctx.cancelled.is_set() or not resource.undo_abandoned:
        return
    try:
        resource.delete(ctx, resource_id, state)
    except NotFound:
        return
    raise ProviderError(f"{ctx.name} was removed again: the engine is gone")


def inputs_from(
    resource: Resource[ClientT],
    old_inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    *,
    importing: bool,
) -> Values:
    """The inputs that a refreshed or imported state stands for.

    A refresh keeps the properties that were inputs and takes their values from the cloud where
    they differ; an import takes every input property that has a value.
    """
    inputs: Values = {key: value for key, value in old_inputs.items() if key.startswith("__")}
    for field in resource.properties:
        if field.output:
            continue
        value = outputs.get(field.name)
        if field.name in old_inputs:
            given = old_inputs[field.name]
            same = not compare([field], {field.name: value}, {field.name: given})
            inputs[field.name] = given if same else value
        elif importing and value not in (None, "", 0, False, [], {}):
            inputs[field.name] = value
    return {key: value for key, value in inputs.items() if value is not None}


def sealed(resource: Resource[ClientT], outputs: Mapping[str, Any]) -> Values:
    """The outputs with those marked that the schema calls secret."""
    secret = {field.name for field in resource.properties if field.secret}
    return {
        key: Secret(value) if key in secret and not _is_marked(value) else value
        for key, value in outputs.items()
        if value is not None
    }


def _is_marked(value: object) -> bool:
    return isinstance(value, Secret) or value is UNKNOWN
