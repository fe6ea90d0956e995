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
from stacks.hosts import Hosts
from stacks.settings import Settings
from stacks.vault import Vault

_POSTGRES = "postgres:5432"
_REDIS_HOST = "redis"
_REDIS_PORT = "6379"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a service gets: plain variables, and secrets that become files."""

    plain: dict[str, pulumi.Input[str]]
    secrets: dict[str, pulumi.Input[str]]


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
        secrets = {k: v for k, v in resolved.items() if is_secret(service.env[k])}
        listen: dict[str, pulumi.Input[str]] = {"PORT": str(service.port), "HOST": "0.0.0.0"}  # noqa: S104 - in its own network namespace
        return Environment(plain={**listen, **plain}, secrets=secrets)

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
                    f"@{_POSTGRES}/{database}",
                )
            case Redis(redis=part):
                return self._redis(part)

    def _redis(self, part: str) -> pulumi.Input[str]:
        password = self.vault.password("redis")
        match part:
            case "host":
                return _REDIS_HOST
            case "port":
                return _REDIS_PORT
            case "password":
                return password
            case _:
                return pulumi.Output.concat(
                    "redis://:", password, f"@{_REDIS_HOST}:{_REDIS_PORT}/0"
                )
