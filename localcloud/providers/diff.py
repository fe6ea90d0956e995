"""The generic comparison of a resource's state with the inputs that the program wants."""

# ruff: noqa: ANN401 - property values are of any kind; their types are the schema's

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from localcloud.providers.schema import ListOf, MapOf, Object, Property, SetOf, Type, join_path
from localcloud.providers.values import Unknown, has_unknown


@dataclass(frozen=True)
class Change:
    """One difference: where, of which kind, and whether it needs a new resource."""

    path: str
    kind: Literal["add", "delete", "update"]
    replace: bool

    @property
    def property(self) -> str:
        """The top-level property that the path lies in."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


def compare(
    properties: Iterable[Property], state: Mapping[str, Any], inputs: Mapping[str, Any]
) -> list[Change]:
    """All differences between state and inputs.

    As with the bridged plugins the state is compared, not the earlier inputs: what a refresh
    found shows up, and so does what the cloud filled in unasked (`computed` says it may).
    An absent value and a zero value (`""`, 0, false, an empty list or map) are the same.
    """
    return list(_fields("", properties, state, inputs, False))


def without_ignored(changes: Iterable[Change], ignored: Iterable[str]) -> list[Change]:
    """The changes that no path of `ignore_changes` covers (`*` stands for any key or index)."""
    patterns = [_ignore_pattern(path) for path in ignored]
    return [change for change in changes if not any(p.match(change.path) for p in patterns)]


def _ignore_pattern(path: str) -> re.Pattern[str]:
    escaped = re.escape(path).replace(r"\[\*\]", r"(\[[^\]]+\]|\.[^.\[]+)")
    escaped = escaped.replace(r"\*", r"[^.\[]+")
    return re.compile(rf"{escaped}($|[.\[])")


def _fields(
    path: str,
    fields: Iterable[Property],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    replace: bool,
) -> Iterator[Change]:
    for field in fields:
        before, after = old.get(field.name), new.get(field.name)
        if field.output or (field.computed and after is None):
            continue
        if not has_unknown(after):
            if field.suppress and field.suppress(before, after):
                continue
            if field.normalise:
                before = field.normalise(before) if before is not None else None
                after = field.normalise(after) if after is not None else None
        where = join_path(path, field.name)
        yield from _values(where, field.type, before, after, replace or field.force_new)


def _values(path: str, kind: Type, old: Any, new: Any, replace: bool) -> Iterator[Change]:
    if _is_zero(old) and _is_zero(new):
        return
    if old is None or new is None:
        forced = replace or _forces(kind)
        yield Change(path, "delete" if new is None else "add", forced)
    elif isinstance(new, Unknown):
        yield Change(path, "update", replace or _forces(kind))
    elif isinstance(kind, Object) and _both(dict, old, new):
        yield from _fields(path, kind.fields.values(), old, new, replace)
    elif isinstance(kind, MapOf) and _both(dict, old, new):
        yield from _maps(path, kind, old, new, replace)
    elif isinstance(kind, SetOf) and _both(list, old, new):
        yield from _sets(path, kind, old, new, replace)
    elif isinstance(kind, ListOf) and _both(list, old, new):
        yield from _lists(path, kind, old, new, replace)
    elif not _same_scalar(old, new):
        yield Change(path, "update", replace)


def _maps(
    path: str, kind: MapOf, old: dict[str, Any], new: dict[str, Any], replace: bool
) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        if key.startswith("__"):
            continue
        where = join_path(path, key)
        if key in old and key in new:
            yield from _values(where, kind.item, old[key], new[key], replace)
        else:
            yield Change(where, "add" if key in new else "delete", replace)


def _lists(
    path: str, kind: ListOf, old: list[Any], new: list[Any], replace: bool
) -> Iterator[Change]:
    for index in range(max(len(old), len(new))):
        where = f"{path}[{index}]"
        if index < len(old) and index < len(new):
            yield from _values(where, kind.item, old[index], new[index], replace)
        else:
            forced = replace or _forces(kind.item)
            yield Change(where, "add" if index < len(new) else "delete", forced)


def _sets(
    path: str, kind: SetOf, old: list[Any], new: list[Any], replace: bool
) -> Iterator[Change]:
    forced = replace or _forces(kind.item)
    gone = {i for i, item in enumerate(old) if not any(_same(kind.item, item, n) for n in new)}
    come = {i for i, item in enumerate(new) if not any(_same(kind.item, o, item) for o in old)}
    for index in sorted(gone | come):
        where = f"{path}[{index}]"
        if index in gone and index in come:
            yield Change(where, "update", forced)
        else:
            yield Change(where, "add" if index in come else "delete", forced)


def _same(kind: Type, old: Any, new: Any) -> bool:
    return next(_values("item", kind, old, new, False), None) is None


def _forces(kind: Type) -> bool:
    """Whether something inside a value that comes or goes as a whole needs a new resource."""
    if isinstance(kind, Object):
        return any(field.force_new or _forces(field.type) for field in kind.fields.values())
    if isinstance(kind, ListOf | SetOf | MapOf):
        return _forces(kind.item)
    return False


def _both(kind: type, old: object, new: object) -> bool:
    return isinstance(old, kind) and isinstance(new, kind)


def _same_scalar(old: object, new: object) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if hasattr(old, "__dict__") and type(old) is type(new):  # assets
        return cast("object", vars(old)) == cast("object", vars(new))
    return old == new


def _is_zero(value: object) -> bool:
    return value is None or (not isinstance(value, Unknown) and not _is_asset(value) and not value)


def _is_asset(value: object) -> bool:
    return hasattr(value, "__dict__")
