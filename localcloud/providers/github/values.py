"""Actions secrets and variables, of the repository and of environments."""

# ruff: noqa: ARG002 - the arguments of the methods are the framework's, used or not

from __future__ import annotations

import base64
import binascii
import re
from typing import ClassVar

from nacl.public import PublicKey, SealedBox

from localcloud.providers.framework import Boolean, Context, Property, Resource, Values
from localcloud.providers.github.client import (
    Client,
    Json,
    build_id,
    parse_id,
    segment,
    timestamp,
)
from localcloud.providers.github.environments import (
    REPOSITORY,
    REPOSITORY_ID,
    environment_path,
)

_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
_ENVIRONMENT = Property("environment", required=True, force_new=True)
_TIMES = (Property("createdAt", output=True), Property("updatedAt", output=True))
_ONE_OF = ("value", "valueEncrypted", "encryptedValue", "plaintextValue")


def _check_name(name: str) -> str | None:
    if not _NAME.match(name):
        return (
            "secret names can only contain alphanumeric characters or underscores and must not"
            " start with a number"
        )
    if name.upper().startswith("GITHUB_"):
        return "secret names must not start with the GITHUB_ prefix"
    return None


def _check_base64(text: str) -> str | None:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "expected to be a base64 string"
    return None


class _Held(Resource[Client]):
    """A named value of the repository or of one of its environments."""

    kind: ClassVar[str]
    """`secrets` or `variables`, as in the API's addresses."""
    name_property: ClassVar[str]
    in_environment: ClassVar[bool]

    def holder(self, client: Client, values: Values) -> str:
        """The path below which the values are."""
        if self.in_environment:
            return environment_path(client, values["repository"], values["environment"])
        return f"{client.repository(values['repository'])}/actions"

    def path(self, client: Client, values: Values) -> str:
        """The path of the value."""
        name = segment(values[self.name_property])
        return f"{self.holder(client, values)}/{self.kind}/{name}"

    def id_of(self, values: Values) -> str:
        """The id, as the import wants it."""
        environment = [values["environment"].replace(":", "??")] if self.in_environment else []
        return build_id(values["repository"], *environment, values[self.name_property])

    def identity(self, resource_id: str, state: Values) -> Values:
        """What names the value: from the state, or in an import from the id."""
        keys = ["repository", *(["environment"] if self.in_environment else []), self.name_property]
        if state:
            return {key: state[key] for key in keys}
        form = ":".join(f"<{key}>" for key in keys)
        return dict(zip(keys, parse_id(resource_id, form), strict=True))

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Delete the value; it may have gone with its environment."""
        ctx.client.delete(self.path(ctx.client, state))


class _Secret(_Held):
    """A secret: sealed for the holder's public key before it is sent, and never read back.

    As upstream, a value that someone else wrote shows only as a `remoteUpdatedAt` that differs
    from `updatedAt`; the next update leaves it alone.
    """

    kind = "secrets"
    name_property = "secretName"
    shared = (
        Property("secretName", required=True, force_new=True, validate=_check_name),
        Property(
            "keyId",
            computed=True,
            required_with=("valueEncrypted",),
            conflicts_with=("value", "plaintextValue"),
        ),
        Property("value", secret=True, exactly_one_of=_ONE_OF),
        Property("valueEncrypted", secret=True, exactly_one_of=_ONE_OF, validate=_check_base64),
        Property("encryptedValue", secret=True, exactly_one_of=_ONE_OF, validate=_check_base64),
        Property("plaintextValue", secret=True, exactly_one_of=_ONE_OF),
        *_TIMES,
        Property("remoteUpdatedAt", output=True),
        REPOSITORY_ID,
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Seal and send the value."""
        return self.id_of(inputs), self._write(ctx.client, inputs)

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Seal and send the new value."""
        return self._write(ctx.client, new)

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """When the secret was written, by whomever."""
        identity = self.identity(resource_id, state)
        found = ctx.client.get(self.path(ctx.client, identity))
        known = {key: state[key] for key in ("createdAt", "updatedAt") if state.get(key)}
        repository_id = ctx.client.repository_id(identity["repository"])
        return {**identity, **_times(found), **known, "repositoryId": repository_id}

    def _write(self, client: Client, inputs: Values) -> Values:
        sealed = inputs.get("valueEncrypted") or inputs.get("encryptedValue")
        key_id = inputs.get("keyId")
        if not (sealed and key_id):
            key = client.get(f"{self.holder(client, inputs)}/secrets/public-key")
            key_id = key["key_id"]
            if not sealed:
                plain: str = inputs.get("value") or inputs.get("plaintextValue") or ""
                box = SealedBox(PublicKey(base64.b64decode(key["key"])))
                sealed = base64.b64encode(box.encrypt(plain.encode())).decode()
        path = self.path(client, inputs)
        client.put(path, {"encrypted_value": sealed, "key_id": key_id})
        repository_id = client.repository_id(inputs["repository"])
        return {**_times(client.get(path)), "keyId": key_id, "repositoryId": repository_id}


def _times(found: Json) -> Values:
    updated = timestamp(found["updated_at"])
    created = timestamp(found["created_at"])
    return {"createdAt": created, "updatedAt": updated, "remoteUpdatedAt": updated}


class ActionsSecret(_Secret):
    """A secret of the repository."""

    token = "github:index/actionsSecret:ActionsSecret"  # noqa: S105 - a type
    in_environment = False
    properties = (REPOSITORY, *_Secret.shared, Property("destroyOnDrift", Boolean))


class ActionsEnvironmentSecret(_Secret):
    """A secret of an environment."""

    token = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"  # noqa: S105
    delete_before_replace = True
    in_environment = True
    properties = (REPOSITORY, _ENVIRONMENT, *_Secret.shared)


class _Variable(_Held):
    """A variable."""

    kind = "variables"
    name_property = "variableName"
    shared = (
        Property("variableName", required=True, force_new=True, validate=_check_name),
        Property("value", required=True),
        *_TIMES,
        REPOSITORY_ID,
    )

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Create the variable; one that exists already is refused."""
        client = ctx.client
        body = {"name": inputs["variableName"], "value": inputs["value"]}

        def existing() -> Json | None:
            path = self.path(client, inputs)
            return client.get(path) if client.status(path) else None

        client.post(f"{self.holder(client, inputs)}/variables", body, existing)
        return self.id_of(inputs), self._found(client, inputs)

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Change the value."""
        body = {"name": new["variableName"], "value": new["value"]}
        ctx.client.patch(self.path(ctx.client, new), body)
        return self._found(ctx.client, new)

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """As the variable is."""
        identity = self.identity(resource_id, state)
        return {**identity, **self._found(ctx.client, identity)}

    def _found(self, client: Client, values: Values) -> Values:
        found = client.get(self.path(client, values))
        return {
            "value": found["value"],
            "createdAt": timestamp(found["created_at"]),
            "updatedAt": timestamp(found["updated_at"]),
            "repositoryId": client.repository_id(values["repository"]),
        }


class ActionsVariable(_Variable):
    """A variable of the repository."""

    token = "github:index/actionsVariable:ActionsVariable"  # noqa: S105 - a type
    in_environment = False
    properties = (REPOSITORY, *_Variable.shared)


class ActionsEnvironmentVariable(_Variable):
    """A variable of an environment."""

    token = "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable"  # noqa: S105
    in_environment = True
    properties = (REPOSITORY, _ENVIRONMENT, *_Variable.shared)
