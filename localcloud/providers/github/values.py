"""Secrets and variables of Actions, of a repository and of an environment."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from nacl.public import PublicKey, SealedBox

from localcloud.providers.framework import (
    Boolean,
    Context,
    Integer,
    Property,
    ProviderError,
    Resource,
    Values,
)
from localcloud.providers.github.client import Client, build_id, parse_id, segment, timestamp

_VALUES = ("value", "valueEncrypted", "plaintextValue", "encryptedValue")
_SEALED = ("valueEncrypted", "encryptedValue")
_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
_STAMPS = (
    Property("createdAt", output=True),
    Property("updatedAt", output=True, volatile=True),
)
_SCOPED = (
    Property("repository", required=True, force_new=True),
    Property("environment", required=True, force_new=True),
)


def _name_fault(name: str) -> str | None:
    if not _NAME.match(name):
        return (
            "secret names can only contain alphanumeric characters or underscores and must not"
            " start with a number"
        )
    if name.upper().startswith("GITHUB_"):
        return "secret names must not start with the GITHUB_ prefix"
    return None


def _base64_fault(text: str) -> str | None:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "expected to be a base64 string"
    return None


def _is_scoped(resource: Resource[Client]) -> bool:
    return any(item.name == "environment" for item in resource.properties)


class _Value(Resource[Client]):
    """What secrets and variables share; the name's property and the address's last part differ."""

    name_property: str
    kind: str
    form: str

    def _folder(self, ctx: Context[Client], values: Values) -> str:
        repository = ctx.client.repository(values["repository"])
        if _is_scoped(self):
            return f"{repository}/environments/{segment(values['environment'])}/{self.kind}"
        return f"{repository}/actions/{self.kind}"

    def _address(self, ctx: Context[Client], values: Values) -> str:
        return f"{self._folder(ctx, values)}/{segment(values[self.name_property])}"

    def _id(self, values: Values) -> str:
        scope = [values["environment"]] if _is_scoped(self) else []
        return build_id(values["repository"], *scope, values[self.name_property])

    def _named(self, resource_id: str) -> Values:
        parts = parse_id(resource_id, self.form)
        keys = ["repository", *(["environment"] if _is_scoped(self) else []), self.name_property]
        return dict(zip(keys, parts, strict=True))

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """Remove it."""
        ctx.client.delete(self._address(ctx, state))


class _Secret(_Value):
    name_property = "secretName"
    kind = "secrets"

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Seal the value for GitHub and hand it over."""
        self._put(ctx, inputs)
        return self._id(inputs), self._stamps(ctx, inputs)

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:
        """Its dates: the value cannot be read back.

        As measured with the official plugin, one that somebody else wrote shows only in a
        `remoteUpdatedAt` later than `updatedAt`, and no update writes it again.
        """
        named = state or self._named(resource_id)
        stamps = self._stamps(ctx, named)
        if not state:
            return {**named, **stamps}
        own = {key: state[key] for key in ("createdAt", "updatedAt") if state.get(key)}
        return {**stamps, **own}

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Write it again."""
        self._put(ctx, new)
        return self._stamps(ctx, new)

    def _put(self, ctx: Context[Client], inputs: Values) -> None:
        sealed = inputs.get("valueEncrypted") or inputs.get("encryptedValue")
        key = ctx.client.get(f"{self._folder(ctx, inputs)}/public-key")
        if sealed is None:
            plain = inputs.get("value", inputs.get("plaintextValue"))
            if plain is None:
                raise ProviderError("a secret needs one of: value, valueEncrypted")
            box = SealedBox(PublicKey(base64.b64decode(key["key"])))
            sealed = base64.b64encode(box.encrypt(str(plain).encode())).decode()
        identity = inputs.get("keyId") or key["key_id"]
        ctx.client.put(self._address(ctx, inputs), {"encrypted_value": sealed, "key_id": identity})

    def _stamps(self, ctx: Context[Client], values: Values) -> Values:
        found = ctx.client.get(self._address(ctx, values))
        updated = timestamp(found["updated_at"])
        return {
            "createdAt": timestamp(found["created_at"]),
            "updatedAt": updated,
            "remoteUpdatedAt": updated,
            "repositoryId": ctx.client.repository_id(values["repository"]),
        }


def _secret_inputs() -> tuple[Property, ...]:
    return (
        Property("secretName", required=True, force_new=True, validate=_name_fault),
        *(
            Property(
                name,
                secret=True,
                exactly_one_of=_VALUES,
                validate=_base64_fault if name in _SEALED else None,
            )
            for name in _VALUES
        ),
        Property(
            "keyId",
            computed=True,
            required_with=("valueEncrypted",),
            conflicts_with=("value", "plaintextValue"),
        ),
        *_STAMPS,
        Property("remoteUpdatedAt", output=True, volatile=True),
        Property("repositoryId", Integer, output=True),
    )


class ActionsEnvironmentSecret(_Secret):
    """A secret of an environment; import id `<repository>:<environment>:<name>`."""

    token = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"  # noqa: S105
    form = "<repository>:<environment>:<name>"
    delete_before_replace = True
    properties = (*_SCOPED, *_secret_inputs())


class ActionsSecret(_Secret):
    """A secret of a repository; import id `<repository>:<name>`."""

    token = "github:index/actionsSecret:ActionsSecret"  # noqa: S105
    form = "<repository>:<name>"
    properties = (
        Property("repository", required=True, force_new=True),
        *_secret_inputs(),
        Property("destroyOnDrift", Boolean),
    )


class _Variable(_Value):
    name_property = "variableName"
    kind = "variables"

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Make it."""
        address = self._address(ctx, inputs)

        def existing() -> dict[str, Any] | None:
            return ctx.client.get(address) if ctx.client.status(address) else None

        body = {"name": inputs["variableName"], "value": inputs["value"]}
        ctx.client.post(self._folder(ctx, inputs), body, existing)
        return self._id(inputs), self._outputs(ctx, inputs)

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values:  # noqa: ARG002
        """As it is."""
        named = self._named(resource_id)
        return {**named, **self._outputs(ctx, named)}

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Change the value."""
        ctx.client.patch(self._address(ctx, new), {"value": new["value"]})
        return self._outputs(ctx, new)

    def _outputs(self, ctx: Context[Client], values: Values) -> Values:
        found = ctx.client.get(self._address(ctx, values))
        return {
            "value": found["value"],
            "createdAt": timestamp(found["created_at"]),
            "updatedAt": timestamp(found["updated_at"]),
            "repositoryId": ctx.client.repository_id(values["repository"]),
        }


def _variable_inputs() -> tuple[Property, ...]:
    return (
        Property("variableName", required=True, force_new=True, validate=_name_fault),
        Property("value", required=True),
        *_STAMPS,
        Property("repositoryId", Integer, output=True),
    )


class ActionsEnvironmentVariable(_Variable):
    """A variable of an environment; import id `<repository>:<environment>:<name>`."""

    token = "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable"  # noqa: S105
    form = "<repository>:<environment>:<name>"
    properties = (*_SCOPED, *_variable_inputs())


class ActionsVariable(_Variable):
    """A variable of a repository; import id `<repository>:<name>`."""

    token = "github:index/actionsVariable:ActionsVariable"  # noqa: S105
    form = "<repository>:<name>"
    properties = (Property("repository", required=True, force_new=True), *_variable_inputs())
