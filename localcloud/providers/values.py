"""Property values on the wire: protobuf structs to plain Python and back.

Plain Python is what a stand-in works with: `None`, `bool`, `int`, `float`, `str`, lists, dicts,
the marker `UNKNOWN` (a value the engine does not know in a preview), and the SDK's assets.
Secrets come in unwrapped, because the providers answer the handshake with `accept_secrets=False`:
the engine then marks every output whose input was secret, as it does for the bridged plugins.
`Secret` marks an output that is secret by the schema.
"""

# ruff: noqa: ANN401 - property values are of any kind; their types are the schema's

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pulumi
from google.protobuf import struct_pb2

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a type mark
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"

_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        _UNKNOWN_STRING,
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
"""A value that is known only after an update; appears in previews."""


@dataclass(frozen=True)
class Secret:
    """An output value that the engine shall encrypt."""

    value: Any


Values = dict[str, Any]
"""The properties of a resource, by their camelCase names."""


def has_unknown(value: object) -> bool:
    """Whether the value is unknown or contains something unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in cast("Mapping[str, object]", value).values())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(has_unknown(item) for item in cast("Sequence[object]", value))
    return False


def from_struct(struct: struct_pb2.Struct) -> Values:
    """Properties as plain Python; nulls are left out."""
    plain = {key: from_value(item) for key, item in struct.fields.items()}
    return {key: item for key, item in plain.items() if item is not None}


def from_value(value: struct_pb2.Value) -> Any:
    """One value as plain Python."""
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            text = value.string_value
            return UNKNOWN if text in _UNKNOWNS else text
        case "list_value":
            return [from_value(item) for item in value.list_value.values]
        case "struct_value":
            return _from_object(value.struct_value)
        case _:
            return None


def _from_object(struct: struct_pb2.Struct) -> Any:
    fields = struct.fields
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
    match signature:
        case "":
            return from_struct(struct)
        case s if s == _SECRET:
            return from_value(fields["value"])
        case s if s == _OUTPUT:
            return from_value(fields["value"]) if "value" in fields else UNKNOWN
        case s if s == _RESOURCE:
            return fields["urn"].string_value
        case s if s == _ASSET:
            return _asset(fields)
        case s if s == _ARCHIVE:
            return _archive(fields)
        case _:
            raise ValueError(f"a value carries the unknown signature {signature!r}")


def _asset(fields: Mapping[str, struct_pb2.Value]) -> pulumi.Asset:
    if "path" in fields and fields["path"].string_value:
        return pulumi.FileAsset(fields["path"].string_value)
    if "uri" in fields and fields["uri"].string_value:
        return pulumi.RemoteAsset(fields["uri"].string_value)
    return pulumi.StringAsset(fields["text"].string_value)


def _archive(fields: Mapping[str, struct_pb2.Value]) -> pulumi.Archive:
    if "path" in fields and fields["path"].string_value:
        return pulumi.FileArchive(fields["path"].string_value)
    if "uri" in fields and fields["uri"].string_value:
        return pulumi.RemoteArchive(fields["uri"].string_value)
    return pulumi.AssetArchive(from_struct(fields["assets"].struct_value))


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties for the wire; `None` is left out."""
    return struct_pb2.Struct(
        fields={key: to_value(item) for key, item in values.items() if item is not None}
    )


def to_value(value: Any) -> struct_pb2.Value:  # noqa: PLR0911 - one return per kind of value
    """One value for the wire."""
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=_UNKNOWN_STRING)
    if isinstance(value, Secret):
        if value.value is None:
            return to_value(None)
        return _signed(_SECRET, value=to_value(value.value))
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=to_struct(cast("Mapping[str, Any]", value)))
    if isinstance(value, Sequence):
        items = [to_value(item) for item in cast("Sequence[Any]", value)]
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        return _asset_to_value(value)
    raise TypeError(f"a property cannot hold a {type(value).__name__}")


def _asset_to_value(value: pulumi.Asset | pulumi.Archive) -> struct_pb2.Value:
    signature = _ASSET if isinstance(value, pulumi.Asset) else _ARCHIVE
    for field in ("path", "text", "uri"):
        content = getattr(value, field, None)
        if content is not None:
            return _signed(signature, **{field: to_value(content)})
    return _signed(signature, assets=to_value(getattr(value, "assets", {})))


def _signed(signature: str, **fields: struct_pb2.Value) -> struct_pb2.Value:
    mark = {_SIGNATURE: struct_pb2.Value(string_value=signature)}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields={**mark, **fields}))
