"""A stack's configuration, decrypted by its passphrase: it needs neither state nor server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pulumi import automation as auto

from catalog import InvalidInputError, load_catalog
from ops.failures import InvalidInput
from stacks.settings import PROJECT, Settings, decoded, load_settings


def settings(stack: auto.Stack) -> Settings:
    """The stack's settings; raises `InvalidInput` with all that is wrong in them."""
    prefix = f"{PROJECT}:"
    raw = {
        key.removeprefix(prefix): decoded(value.value)
        for key, value in stack.get_all_config().items()
        if key.startswith(prefix)
    }
    try:
        return load_settings(raw, f"Pulumi.{stack.name}.yaml", load_catalog())
    except InvalidInputError as error:
        raise InvalidInput([str(problem) for problem in error.problems]) from error


def secrets(stack: auto.Stack) -> list[str]:
    """The secret texts of the configuration."""
    held = [value.value for value in stack.get_all_config().values() if value.secret]
    return [text for value in held for text in _texts(decoded(value))]


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in cast("dict[str, object]", value).values():
                yield from _texts(one)
        case list():
            for one in cast("list[object]", value):
                yield from _texts(one)
        case _:
            pass
