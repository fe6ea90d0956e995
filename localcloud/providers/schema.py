"""What a stand-in declares about properties, and the generic check of inputs against it."""

# ruff: noqa: ANN401 - property values are of any kind; their types are the schema's

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final, Literal, cast

import pulumi

from localcloud.providers.values import Unknown, Values, has_unknown

Scalar = Literal["string", "integer", "number", "boolean", "any"]

String: Final[Scalar] = "string"
Integer: Final[Scalar] = "integer"
Number: Final[Scalar] = "number"
Boolean: Final[Scalar] = "boolean"
Anything: Final[Scalar] = "any"


@dataclass(frozen=True)
class ListOf:
    """An ordered list."""

    item: Type


@dataclass(frozen=True)
class SetOf:
    """A list whose order and duplicates mean nothing."""

    item: Type


@dataclass(frozen=True)
class MapOf:
    """A map with free keys."""

    item: Type


class Object:
    """A nested object with the given fields."""

    def __init__(self, *fields: Property) -> None:
        self.fields: Final = {field.name: field for field in fields}


Type = Scalar | ListOf | SetOf | MapOf | Object


@dataclass(frozen=True)
class Property:
    """One property of a resource, an object, a function or a provider's configuration."""

    name: str
    type: Type = String
    _: KW_ONLY
    required: bool = False
    default: Any = None
    """The value, or a function that makes it, when the program gives none (and `env` neither)."""
    env: tuple[str, ...] = ()
    """Environment variables that give the default (provider configuration)."""
    force_new: bool = False
    """A change replaces the resource. On a nested field: a change of that field does."""
    computed: bool = False
    """The provider fills it when the program leaves it out; that is no difference then."""
    output: bool = False
    """Only the provider sets it."""
    volatile: bool = False
    """Computed anew by every update, so that a preview of an update shows it as unknown."""
    secret: bool = False
    """Encrypted in the outputs even when the input was no secret."""
    conflicts_with: tuple[str, ...] = ()
    exactly_one_of: tuple[str, ...] = ()
    """Exactly one of these properties (this one is named too) must be given."""
    required_with: tuple[str, ...] = ()
    choices: tuple[Any, ...] = ()
    validate: Callable[[Any], str | None] | None = None
    """Called with a known value; answers the reason why it is refused, or None."""
    normalise: Callable[[Any], Any] | None = None
    """Applied to both sides before they are compared."""
    suppress: Callable[[Any, Any], bool] | None = None
    """Called with (old, new); true when the difference means nothing."""


@dataclass(frozen=True)
class Failure:
    """Why an input is refused; the engine shows the property's path and the reason."""

    property: str
    reason: str


INTERNAL_INPUTS: Final = frozenset({"__defaults", "__internal", "version", "pluginDownloadURL"})
"""Keys that the engine or an SDK adds; no program's property."""


def check_inputs(
    properties: Iterable[Property], given: Mapping[str, Any]
) -> tuple[Values, list[Failure]]:
    """The inputs with defaults and their types put right, and all that is wrong with them."""
    fields = {item.name: item for item in properties}
    failures: list[Failure] = []
    inputs = _check_object("", fields, given, failures)
    return inputs, failures


def _check_object(
    path: str, fields: Mapping[str, Property], given: Mapping[str, Any], failures: list[Failure]
) -> Values:
    result: Values = {}
    for key, value in given.items():
        if key.startswith("__") or value is None:
            continue
        where = join_path(path, key)
        field = fields.get(key)
        if field is None:
            failures.append(Failure(where, f"Invalid or unknown key {key!r}"))
        elif field.output:
            failures.append(Failure(where, f"{key!r} is set by the provider and cannot be given"))
        else:
            before = len(failures)
            result[key] = _check_value(where, field.type, value, failures)
            if len(failures) == before:
                # Rules may rely on the type.
                failures.extend(_check_rules(where, field, result[key]))
    for field in fields.values():
        _fill_and_require(path, field, result, failures)
    failures.extend(_check_relations(path, fields, result))
    return result


def _fill_and_require(path: str, field: Property, result: Values, failures: list[Failure]) -> None:
    if field.name in result or field.output:
        return
    for variable in field.env:
        if os.environ.get(variable):
            result[field.name] = decode_config(field, os.environ[variable])
            return
    if field.default is not None:
        result[field.name] = field.default() if callable(field.default) else field.default
    elif field.required:
        where = join_path(path, field.name)
        failures.append(Failure(where, f"Missing required argument {field.name!r}"))


def _check_rules(where: str, field: Property, value: Any) -> list[Failure]:
    if has_unknown(value):
        return []
    if field.choices and value not in field.choices:
        choices = ", ".join(repr(choice) for choice in field.choices)
        return [Failure(where, f"expected one of {choices}, got {value!r}")]
    reason = field.validate(value) if field.validate else None
    return [Failure(where, reason)] if reason else []


def _check_relations(path: str, fields: Mapping[str, Property], given: Values) -> list[Failure]:
    failures: list[Failure] = []
    groups: set[tuple[str, ...]] = set()
    for field in fields.values():
        if field.exactly_one_of:
            groups.add(tuple(sorted(field.exactly_one_of)))
        if field.name not in given:
            continue
        failures.extend(
            Failure(join_path(path, field.name), f"conflicts with {other!r}")
            for other in field.conflicts_with
            if other in given
        )
        failures.extend(
            Failure(join_path(path, field.name), f"{other!r} must be given with it")
            for other in field.required_with
            if other not in given
        )
    for group in sorted(groups):
        present = [name for name in group if name in given]
        if len(present) != 1:
            names = ", ".join(group)
            found = ", ".join(present) or "none"
            failures.append(
                Failure(join_path(path, group[0]), f"exactly one of {names} is needed, got {found}")
            )
    return failures


def _check_value(  # noqa: PLR0911 - one return per kind of type
    where: str, kind: Type, value: Any, failures: list[Failure]
) -> Any:
    if isinstance(value, Unknown):
        return value
    if isinstance(kind, ListOf | SetOf):
        if isinstance(value, str) or not isinstance(value, Sequence):
            failures.append(Failure(where, f"Expected a list, got {describe(value)}"))
            return value
        items = cast("Sequence[Any]", value)
        return [
            _check_value(f"{where}[{index}]", kind.item, item, failures)
            for index, item in enumerate(items)
        ]
    if isinstance(kind, MapOf | Object):
        if not isinstance(value, Mapping):
            expected = "a map" if isinstance(kind, MapOf) else "an object"
            failures.append(Failure(where, f"Expected {expected}, got {describe(value)}"))
            return value
        pairs = cast("Mapping[str, Any]", value)
        if isinstance(kind, Object):
            return _check_object(where, kind.fields, pairs, failures)
        return {
            key: _check_value(join_path(where, key), kind.item, item, failures)
            for key, item in pairs.items()
            if not key.startswith("__")
        }
    return _check_scalar(where, kind, value, failures)


def _check_scalar(  # noqa: PLR0911 - one return per kind of type
    where: str, kind: Scalar, value: Any, failures: list[Failure]
) -> Any:
    """Scalars convert into each other where nothing is lost, as with the bridged plugins."""
    if kind == "any":
        return value
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        if isinstance(value, str):
            return value
    elif kind == "boolean":
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
    elif not isinstance(value, bool):
        number = _as_number(value)
        if number is not None and (kind == "number" or isinstance(number, int)):
            return number
    failures.append(Failure(where, f"Expected {_ARTICLED[kind]}, got {describe(value)}"))
    return value


_ARTICLED: Final = {
    "string": "a String",
    "boolean": "a Boolean",
    "integer": "a Number without fraction",
    "number": "a Number",
}


def _as_number(value: object) -> int | float | None:
    if isinstance(value, int | float):
        return int(value) if float(value).is_integer() else value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return int(value) if value.lstrip("+-").isdigit() else number
    return None


def describe(value: object) -> str:
    """A value's kind for a message; never the value, which may be secret."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), type(value).__name__)


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (Mapping, "an object"),
    (Sequence, "a list"),
    (pulumi.Asset, "an asset"),
    (pulumi.Archive, "an archive"),
)


def join_path(path: str, key: str) -> str:
    """The engine's notation of a property path."""
    plain = key.replace("_", "").replace("-", "").isalnum()
    if not plain:
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def decode_config(field: Property, value: Any) -> Any:
    """A provider's configuration value: SDKs send what is not a string as JSON text."""
    if field.type == String or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
