"""Secrets that the stack makes itself, once, and keeps encrypted in its state."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import pulumi
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from catalog import Catalog
from catalog.environment import Generated
from components.component import Component
from components.data.certificate import authority, server_certificate
from components.sdk import random


class Vault(Component):
    """Passwords of databases, Redis, Grafana, the backup; the catalogue's generated ones; keys.

    `authority` is the certificate by which the databases' server is trusted.
    """

    token: ClassVar[str] = "manacore:stacks:Vault"  # noqa: S105 - a type's name
    jwt_public_key: pulumi.Output[str]
    authority: pulumi.Output[str]
    postgres_certificate: pulumi.Output[str]

    def __init__(
        self, name: str, catalog: Catalog, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make every secret that the catalogue needs."""
        super().__init__(name, opts)
        generated = {
            value.generated
            for service in catalog
            for value in service.env.values()
            if isinstance(value, Generated)
        }
        self._passwords = {
            key: random.RandomPassword(
                f"{name}-{key}",
                length=40,
                # Letters and digits only: they stand in URLs and configuration files.
                special=False,
                opts=self.child_options(),
            ).result
            for key in [
                "postgres",
                "redis-admin",
                "grafana",
                "backup",
                "archive",
                "backup-redis",
                *(f"database-{database}" for database in sorted(catalog.databases)),
                *(_redis(user) for user in catalog.redis_users),
                *sorted(generated),
            ]
        }
        secret = self._seed(f"{name}-jwt")
        self.jwt_private_key: pulumi.Output[str] = pulumi.Output.secret(secret.apply(_private_pem))
        self.jwt_public_key = pulumi.Output.unsecret(secret.apply(_public_pem))
        signing, serving = self._seed(f"{name}-authority"), self._seed(f"{name}-postgres-tls")
        made = pulumi.Output.all(serving, signing).apply(
            lambda both: server_certificate(both[0], both[1])
        )
        self.postgres_key: pulumi.Output[str] = pulumi.Output.secret(made.apply(lambda m: m.key))
        self.postgres_certificate = pulumi.Output.unsecret(made.apply(lambda m: m.text))
        self.authority = pulumi.Output.unsecret(signing.apply(lambda text: authority(text).text))
        self.register()

    def password(self, key: str) -> pulumi.Output[str]:
        """A generated secret: of a server, of the backup's role there, or a catalogue's name."""
        return self._passwords[key]

    def database(self, name: str) -> pulumi.Output[str]:
        """The password of a database's role."""
        return self._passwords[f"database-{name}"]

    def redis(self, user: str | None) -> pulumi.Output[str]:
        """The password of a service's user of Redis; None is the default one."""
        return self._passwords[_redis(user)]

    def _seed(self, name: str) -> pulumi.Output[str]:
        """A random text of which a key is made."""
        # Not RandomBytes: the state keeps its value as its id, in plain text.
        made = random.RandomPassword(name, length=64, special=False, opts=self.child_options())
        return made.result


def _redis(user: str | None) -> str:
    # The password that all services had once: versions that know no other still get in by it.
    return f"redis-{user}" if user else "redis"


def _private_pem(secret: str) -> str:
    return _key(secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_pem(secret: str) -> str:
    public = _key(secret).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())
