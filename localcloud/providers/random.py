"""The stand-in of the random provider: RandomBytes, RandomPassword, RandomString and RandomId.

Everything lives in the state; every input replaces the resource. As with the official plugin the
id of a RandomBytes is its base64 value, in plain text: do not use one where the state is open.
"""

# ruff: noqa: ARG002, S105 - arguments are the framework's; a token is a type's name

from __future__ import annotations

import base64
import binascii
import secrets
import string
from typing import Final

import bcrypt

from localcloud.providers.framework import (
    Boolean,
    Context,
    Failure,
    Integer,
    MapOf,
    Property,
    Provider,
    ProviderError,
    Resource,
    String,
    Values,
    has_unknown,
)

_SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
_CLASSES: Final = (
    ("lower", "minLower", string.ascii_lowercase),
    ("upper", "minUpper", string.ascii_uppercase),
    ("numeric", "minNumeric", string.digits),
)
_KEEPERS: Final = Property("keepers", MapOf(String), force_new=True)


def _at_least_one(value: int) -> str | None:
    return None if value >= 1 else "must be at least 1"


class _Generated(Resource[None]):
    """What all have in common: nothing exists outside the state."""

    undo_abandoned = False

    def read(self, ctx: Context[None], resource_id: str, state: Values) -> Values | None:
        return state or self.imported(resource_id)

    def imported(self, resource_id: str) -> Values:
        """The state that an import of this id stands for."""
        raise NotImplementedError

    def delete(self, ctx: Context[None], resource_id: str, state: Values) -> None:
        return None


class RandomBytes(_Generated):
    """Random bytes, secret."""

    token = "random:index/randomBytes:RandomBytes"
    properties = (
        Property("length", Integer, required=True, force_new=True, validate=_at_least_one),
        _KEEPERS,
        Property("base64", output=True, secret=True),
        Property("hex", output=True, secret=True),
    )

    def create(self, ctx: Context[None], inputs: Values) -> tuple[str, Values]:
        made = _bytes_outputs(secrets.token_bytes(inputs["length"]))
        return str(made["base64"]), made

    def imported(self, resource_id: str) -> Values:
        return {"id": resource_id, **_bytes_outputs(_decoded(resource_id, altchars=None))}


class RandomId(_Generated):
    """A random identifier in several notations, not secret."""

    token = "random:index/randomId:RandomId"
    properties = (
        Property("byteLength", Integer, required=True, force_new=True, validate=_at_least_one),
        Property("prefix", force_new=True),
        _KEEPERS,
        *(Property(name, output=True) for name in ("b64Std", "b64Url", "dec", "hex")),
    )

    def create(self, ctx: Context[None], inputs: Values) -> tuple[str, Values]:
        content = secrets.token_bytes(inputs["byteLength"])
        return _url_base64(content), _id_outputs(content, inputs.get("prefix", ""))

    def imported(self, resource_id: str) -> Values:
        prefix, _, text = resource_id.rpartition(",")
        content = _decoded(text, altchars=b"-_")
        return {"id": text, "prefix": prefix or None, **_id_outputs(content, prefix)}


def _bytes_outputs(content: bytes) -> Values:
    return {
        "length": len(content),
        "base64": base64.b64encode(content).decode(),
        "hex": content.hex(),
    }


def _id_outputs(content: bytes, prefix: str) -> Values:
    return {
        "byteLength": len(content),
        "b64Std": prefix + base64.b64encode(content).decode(),
        "b64Url": prefix + _url_base64(content),
        "dec": prefix + str(int.from_bytes(content, "big")),
        "hex": prefix + content.hex(),
    }


def _url_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str, altchars: bytes | None) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=altchars, validate=True)
    except binascii.Error as error:
        raise ProviderError("the import id is not the base64 text of the value") from error


class _Text(_Generated):
    """A random text of chosen characters."""

    common = (
        Property("length", Integer, required=True, force_new=True, validate=_at_least_one),
        *(
            Property(name, Boolean, default=True, force_new=True)
            for name in ("lower", "upper", "special")
        ),
        *(Property(name, Boolean, computed=True, force_new=True) for name in ("number", "numeric")),
        *(
            Property(name, Integer, default=0, force_new=True)
            for name in ("minLower", "minUpper", "minNumeric", "minSpecial")
        ),
        Property("overrideSpecial", force_new=True),
        _KEEPERS,
    )

    def check(self, ctx: Context[None], inputs: Values) -> list[Failure]:
        # `number` is the old name of `numeric`: either one given stands for both.
        numeric = inputs.get("numeric", inputs.get("number", True))
        inputs["numeric"] = inputs["number"] = numeric
        if has_unknown(inputs):
            return []
        failures: list[Failure] = []
        least = sum(inputs[name] for name in ("minLower", "minUpper", "minNumeric", "minSpecial"))
        if least > inputs["length"]:
            failures.append(Failure("length", f"must be at least the sum of the minima, {least}"))
        if not _alphabet(inputs):
            failures.append(Failure("special", "at least one class of characters must be allowed"))
        return failures

    def create(self, ctx: Context[None], inputs: Values) -> tuple[str, Values]:
        return self.outputs(_generate(inputs))

    def outputs(self, text: str) -> tuple[str, Values]:
        """Id and outputs of a text."""
        raise NotImplementedError

    def imported(self, resource_id: str) -> Values:
        new_id, outputs = self.outputs(resource_id)
        flags = dict.fromkeys(("lower", "upper", "special", "number", "numeric"), True)
        minima = dict.fromkeys(("minLower", "minUpper", "minNumeric", "minSpecial"), 0)
        return {"id": new_id, "length": len(resource_id), **flags, **minima, **outputs}


class RandomPassword(_Text):
    """A random text, secret, with its bcrypt hash."""

    token = "random:index/randomPassword:RandomPassword"
    properties = (
        *_Text.common,
        Property("result", output=True, secret=True),
        Property("bcryptHash", output=True, secret=True),
    )

    def outputs(self, text: str) -> tuple[str, Values]:
        return "none", {"result": text, "bcryptHash": _bcrypt(text)}


class RandomString(_Text):
    """A random text, not secret."""

    token = "random:index/randomString:RandomString"
    properties = (*_Text.common, Property("result", output=True))

    def outputs(self, text: str) -> tuple[str, Values]:
        return text, {"result": text}


def _special_characters(inputs: Values) -> str:
    return str(inputs.get("overrideSpecial") or _SPECIAL)


def _alphabet(inputs: Values) -> str:
    characters = "".join(chars for name, _, chars in _CLASSES if inputs[name])
    return characters + (_special_characters(inputs) if inputs["special"] else "")


def _generate(inputs: Values) -> str:
    minima = [(inputs[least], chars) for _, least, chars in _CLASSES]
    minima.append((inputs["minSpecial"], _special_characters(inputs)))
    chosen = [secrets.choice(chars) for count, chars in minima for _ in range(count)]
    alphabet = _alphabet(inputs)
    chosen += [secrets.choice(alphabet) for _ in range(inputs["length"] - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def _bcrypt(text: str) -> str:
    """The hash with cost 10; bcrypt reads 72 bytes at most."""
    return bcrypt.hashpw(text.encode()[:72], bcrypt.gensalt(10, prefix=b"2a")).decode()


def _no_client(config: Values) -> None:
    del config


def provider() -> Provider[None]:
    """The random provider; it has no configuration."""
    return Provider(
        name="random",
        package="pulumi-random",
        configure=_no_client,
        resources=(RandomBytes(), RandomPassword(), RandomString(), RandomId()),
    )
