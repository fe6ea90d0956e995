"""The variables of a service, each resolved from where the catalogue says it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from catalog import Catalog, Service
from catalog.environment import (
    Cors,
    Database,
    Generated,
    InternalUrl,
    KeyPair,
    Plain,
    PublicUrl,
    Redis,
    Secret,
    Value,
    Variable,
    is_secret,
)
from components.data.certificate import HOST
from components.data.redis import DEFAULT_USER
from components.docker.slots import FILES
from stacks.hosts import Hosts
from stacks.settings import Settings
from stacks.vault import Vault

_POSTGRES = f"{HOST}:5432"
# Its dash and dot keep the images' entry point from making a variable of its content.
_AUTHORITY = "postgres-authority.crt"
_REDIS_HOST = "redis"
_REDIS_PORT = "6379"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a service gets: plain variables, and files that its image makes variables of."""

    plain: dict[str, pulumi.Input[str]]
    files: dict[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """Turns the catalogue's values into this stack's."""

    catalog: Catalog
    settings: Settings
    hosts: Hosts
    vault: Vault

    def environment(self, service: Service) -> Environment:
        """All variables of a service; `PORT` and `HOST` are what every one of them listens on."""
        resolved = {key: self._value(service, value) for key, value in service.env.items()}
        plain = {k: v for k, v in resolved.items() if not is_secret(service.env[k])}
        files = {k: v for k, v in resolved.items() if is_secret(service.env[k])}
        if any(isinstance(value, Database) for value in service.env.values()):
            files |= self._trust()
        listen: dict[str, pulumi.Input[str]] = {"PORT": str(service.port), "HOST": "0.0.0.0"}  # noqa: S104 - in its own network namespace
        return Environment(plain={**listen, **plain}, files=files)

    def _trust(self) -> dict[str, pulumi.Input[str]]:
        """What a client of the databases verifies their server by.

        node-postgres and postgres.js verify with the authorities of Node.js, libpq with the one
        that is named for it. Prisma's own engine knows no `verify-full` and takes it for `prefer`:
        it encrypts, as the server refuses all else, and verifies nothing.
        Files, although none is secret: a version that was made before finds them when it is started
        again, and its container's variables stay what they are.
        """
        place = f"{FILES}/{_AUTHORITY}"
        return {
            _AUTHORITY: self.vault.authority,
            "NODE_EXTRA_CA_CERTS": place,
            "PGSSLROOTCERT": place,
        }

    def _value(  # noqa: PLR0911 - one return per source of a value
        self, service: Service, value: Value
    ) -> pulumi.Input[str]:
        match value:
            case Plain(plain=text):
                return text
            case InternalUrl(url=name):
                return f"http://edge:{self.catalog[name].port}"
            case PublicUrl(public_url=name):
                return self.hosts.url(service if name == "self" else self.catalog[name])
            case Cors():
                callers = self.catalog.browser_callers(service.name)
                return ",".join(self.hosts.url(caller) for caller in callers)
            case Variable(variable=name):
                return self.settings.variables[name]
            case Secret(secret=name):
                return pulumi.Output.secret(self.settings.secrets[name].get_secret_value())
            case Generated(generated=name):
                return self.vault.password(name)
            case KeyPair(key_pair=half):
                return self.vault.jwt_public_key if half == "public" else self.vault.jwt_private_key
            case Database():
                database = service.database or ""
                return pulumi.Output.concat(
                    f"postgresql://{database}:",
                    self.vault.database(database),
                    f"@{_POSTGRES}/{database}?sslmode=verify-full",
                )
            case Redis(redis=part):
                return self._redis(service.redis_user, part)

    def _redis(self, user: str | None, part: str) -> pulumi.Input[str]:
        password = self.vault.redis(user)
        match part:
            case "host":
                return _REDIS_HOST
            case "port":
                return _REDIS_PORT
            case "user":
                return user or DEFAULT_USER
            case "password":
                return password
            case _:
                return pulumi.Output.concat(
                    f"redis://{user}:", password, f"@{_REDIS_HOST}:{_REDIS_PORT}/0"
                )
