"""Where a variable of a service comes from.

In a catalogue file a value is a plain string, or a mapping with one key that names its source:

    LOG_LEVEL: info
    MANA_CORE_AUTH_URL: {url: mana-core-auth}        # inside the platform, by the edge
    PUBLIC_BACKEND_URL_CLIENT: {public_url: chat-backend}
    CORS_ORIGINS: {cors: self}
    DATABASE_URL: {database: url}
    REDIS_USER: {redis: user}                        # or REDIS_URL: {redis: url}

Nothing that can be derived is written as a string, so it cannot drift.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plain(_Source):
    """A value that is the same in every stack."""

    plain: str


class InternalUrl(_Source):
    """The URL of another service inside the platform: no path, no final slash."""

    url: str


class PublicUrl(_Source):
    """The public URL of a service (`self` for its own), as a browser or a phone calls it."""

    public_url: str


class Cors(_Source):
    """The public origins of all services that call this one from a browser, joined by commas."""

    cors: Literal["self"]


class Database(_Source):
    """The connection URL of the service's own database. Secret."""

    database: Literal["url"]


class Redis(_Source):
    """A part of the connection to Redis, as a user of the service's own name.

    `url` has all of them; `url` and `password` are secret. A service that is given neither `user`
    nor `url` logs in by its password alone: Redis takes that for the default user's, so one
    service can.
    """

    redis: Literal["host", "port", "user", "password", "url"]


class Secret(_Source):
    """A value that only a third party can give: from the stack's `manacore:secrets`."""

    secret: str


class Generated(_Source):
    """A random secret that the stack makes once and keeps encrypted in its state."""

    generated: str


class KeyPair(_Source):
    """One half of an Ed25519 key pair (PEM) that the stack makes once. `private` is secret."""

    key_pair: Literal["public", "private"]


class Variable(_Source):
    """A value that differs per stack and is no secret: from the stack's `manacore:variables`."""

    variable: str


_KEYS = (
    "plain",
    "url",
    "public_url",
    "cors",
    "database",
    "redis",
    "secret",
    "generated",
    "key_pair",
    "variable",
)


def _spell_out(value: object) -> object:
    return {"plain": value} if isinstance(value, str) else value


def _source_key(value: object) -> str | None:
    if isinstance(value, dict):
        return next((key for key in _KEYS if key in value), None)
    return next((key for key in _KEYS if hasattr(value, key)), None)


Value = Annotated[
    Annotated[Plain, Tag("plain")]
    | Annotated[InternalUrl, Tag("url")]
    | Annotated[PublicUrl, Tag("public_url")]
    | Annotated[Cors, Tag("cors")]
    | Annotated[Database, Tag("database")]
    | Annotated[Redis, Tag("redis")]
    | Annotated[Secret, Tag("secret")]
    | Annotated[Generated, Tag("generated")]
    | Annotated[KeyPair, Tag("key_pair")]
    | Annotated[Variable, Tag("variable")],
    Discriminator(
        _source_key,
        custom_error_type="source",
        custom_error_message="a value is a string or a mapping with one of: " + ", ".join(_KEYS),
    ),
    BeforeValidator(_spell_out),
]


def is_secret(value: Value) -> bool:
    """Whether the variable must reach the service as a file, never as plain environment."""
    match value:
        case Database() | Secret() | Generated():
            return True
        case Redis(redis=part):
            return part in ("password", "url")
        case KeyPair(key_pair=half):
            return half == "private"
        case _:
            return False
