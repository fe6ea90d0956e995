"""A stack's settings: `Pulumi.<stack>.yaml`, typed, all errors at once.

`Pulumi.yaml` describes each key for people; the models here are what a value must be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import idna
import yaml
from pulumi.runtime.config import (
    CONFIG,
    get_config_env,
    get_config_secret_keys_env,
    is_config_secret,
)
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from catalog import Catalog
from catalog.environment import Variable
from catalog.problem import InvalidInputError, Problem, from_validation, suggestion
from components.hetzner.servertypes import Location, ServerType, refusal
from stacks import second_copy

PROJECT = "manacore"


class Role(StrEnum):
    """What a server runs."""

    EDGE = "edge"
    APP = "app"
    DATA = "data"
    MONITORING = "monitoring"


def _ascii_domain(name: str) -> str:
    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{name!r} is no domain name: {error}") from error


def _offered(value: object) -> object:
    reason = refusal(str(value))
    if reason:
        raise ValueError(reason)
    return value


_PUBLIC_KEY = r"^(-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\n?)?$"
DomainName = Annotated[str, AfterValidator(_ascii_domain)]
OfferedType = Annotated[ServerType, BeforeValidator(_offered)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Model):
    """A server of the stack."""

    type: OfferedType = Field(description="Hetzner server type, such as ccx33.")
    location: Location = Field(default=Location.FALKENSTEIN, description="Hetzner location.")
    roles: frozenset[Role] = Field(min_length=1, description="What it runs.")
    volume: int = Field(default=0, ge=0, le=10240, description="Size of its data volume, GB.")
    backups: bool = Field(default=False, description="Hetzner's own daily backups of the disk.")


class Domain(_Model):
    """A domain whose host names the catalogue uses."""

    name: DomainName = Field(description="Domain, also internationalised: märchen-zauber.de.")
    zone: DomainName = Field(description="Cloudflare zone that holds it.")
    proxied: bool = Field(default=False, description="Traffic through Cloudflare's proxy?")

    @model_validator(mode="after")
    def _inside_its_zone(self) -> Domain:
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise ValueError(f"{self.name} is not within the zone {self.zone}")
        return self


class Cloudflare(_Model):
    """The Cloudflare account."""

    account: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(description="Account id.")
    zones: dict[DomainName, Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]] = Field(
        description="Zone name to zone id."
    )
    backup_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")] = Field(
        description="R2 bucket for backups."
    )
    backup_days: int = Field(
        default=30, ge=1, le=3650, description="Days in which no backup can be deleted."
    )


class Backup(_Model):
    """Where backups go, when, and for how long they stay."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:-]+$")] | None = Field(
        default=None, description="S3 URL without a path; unset: R2 of the Cloudflare account."
    )
    run_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = Field(
        default=None, description="When a backup begins each day, UTC, such as 02:00."
    )
    verify_at: (
        Annotated[
            str, Field(pattern=r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]$")
        ]
        | None
    ) = Field(
        default=None, description="When the backups are proven each week, UTC, such as Sun 04:00."
    )
    base_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = Field(
        default=None, description="When the archive's base backup begins each day, such as 01:00."
    )
    keep_days: int | None = Field(
        default=None,
        ge=2,
        le=3651,
        description="For how long a backup is kept; unset: a day more than cloudflare.backup_days.",
    )
    redis_days: int = Field(
        default=7,
        ge=2,
        le=3651,
        description="For how long one of Redis is kept; it is locked for a day less.",
    )
    copy_to: Annotated[str, AfterValidator(second_copy.address)] | None = Field(
        default=None,
        description="Server and folder of a second copy: sftp://USER@HOST/PATH; unset: none.",
    )
    copy_host_key: Annotated[str, AfterValidator(second_copy.host_key)] | None = Field(
        default=None, description="Public key of that server, such as ssh-ed25519 AAAA..."
    )
    copy_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = Field(
        default=None, description="When the copy begins each day, UTC, such as 03:00."
    )


class GitHub(_Model):
    """The repository of the apps, and who may deploy."""

    owner: str = Field(description="User or organisation.")
    repository: str = Field(description="Repository of the apps, which exists already.")
    reviewers: tuple[int, ...] = Field(default=(), description="User ids that approve.")
    required_reviewers_available: bool = Field(
        default=False, description="Does the account's plan have required reviewers?"
    )
    wait_minutes: int = Field(default=0, ge=0, le=43200, description="Wait before a deployment.")
    branch: str = Field(default="main", description="Branch that may be deployed.")


class Ssh(_Model):
    """How the servers are reached."""

    keys: dict[str, Annotated[str, Field(pattern=r"^(ssh-ed25519|ecdsa-|ssh-rsa|sk-)")]] = Field(
        min_length=1, description="Name to public key of everyone who may log in."
    )
    sources: tuple[IPv4Network, ...] = Field(
        default=(IPv4Network("0.0.0.0/0"),), description="Addresses that may reach port 22."
    )
    identity_file: str | None = Field(
        default=None, description="Private key file; unset: the agent or OpenSSH's defaults."
    )


# Directories whose certificates no client trusts (letsencrypt.org, "Staging Environment"; Google
# Trust Services, "Request a certificate").
_FOR_TESTS = ("acme-staging-v02.api.letsencrypt.org", "dv.acme-v02.test-api.pki.goog")


class Tls(_Model):
    """Who issues the certificates of the edge."""

    issuer: Literal["acme", "internal"] = Field(
        default="acme", description="`internal`: the edge's own authority, trusted by nobody else."
    )
    email: str = Field(description="Contact of the ACME account.")
    directory: str = Field(
        default="https://acme-v02.api.letsencrypt.org/directory",
        description="ACME directory URL.",
    )
    root: str | None = Field(
        default=None,
        description="Certificate (PEM) to trust the directory by; unset: the public authorities.",
    )

    authority: str = Field(
        default="letsencrypt.org",
        description="The directory's authority, by its name in CAA records.",
    )

    @property
    def public(self) -> bool:
        """Whether everybody trusts the certificates."""
        host = urlsplit(self.directory).hostname
        return self.issuer == "acme" and self.root is None and host not in _FOR_TESTS


class Registry(_Model):
    """The login of a private image registry."""

    username: str
    password: SecretStr


class Settings(_Model):
    """All settings of a stack."""

    servers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")], Server] = Field(
        min_length=1, description="The stack's servers by name."
    )
    network: IPv4Network = Field(
        default=IPv4Network("10.0.0.0/16"), description="Private network of the stack."
    )
    domains: dict[str, Domain] = Field(description="Domains by the catalogue's key.")
    cloudflare: Cloudflare = Field(description="Cloudflare account, zones, backup bucket.")
    backup: Backup = Field(default=Backup(), description="The backup agent's bucket and times.")
    github: GitHub = Field(description="Repository and deployment gate.")
    ssh: Ssh = Field(description="Who may log in, and from where.")
    tls: Tls = Field(description="Certificates of the edge.")
    database_tls: Literal["required", "offered"] = Field(
        default="required",
        description="`offered`: PostgreSQL takes connections without TLS too, of older versions.",
    )
    variables: dict[str, str] = Field(
        default_factory=dict[str, str], description="Values of the catalogue's `variable` entries."
    )
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr],
        description="Values of the catalogue's `secret` entries, each encrypted.",
    )
    registries: dict[str, Registry] = Field(
        default_factory=dict[str, Registry], description="Logins of private image registries."
    )
    image_key: Annotated[str, Field(pattern=_PUBLIC_KEY)] = Field(
        default="", description="Key by which cosign checks the images of a release; empty: none."
    )
    protect: bool = Field(
        default=True, description="Guard what holds data or an address against deletion."
    )

    @model_validator(mode="after")
    def _roles_are_placed(self) -> Settings:
        for role in (Role.APP, Role.DATA, Role.MONITORING):
            holders = [name for name, s in self.servers.items() if role in s.roles]
            if len(holders) != 1:
                raise ValueError(
                    f"role {role} is on {len(holders)} servers: give it to exactly one"
                )
        for name, server in self.servers.items():
            if server.roles & {Role.APP, Role.MONITORING} and Role.EDGE not in server.roles:
                raise ValueError(f"server {name} has public services: give it the role edge")
            if Role.DATA in server.roles and not server.volume:
                raise ValueError(f"server {name} has the role data: give it a volume (GB)")
        app = self.holder(Role.APP)
        if Role.DATA not in self.servers[app].roles:
            raise ValueError(f"server {app} has the role app: databases must be on it too")
        return self

    @model_validator(mode="after")
    def _kept_longer_than_locked(self) -> Settings:
        if self.keep_days <= self.cloudflare.backup_days:
            raise ValueError(
                f"backup.keep_days is {self.keep_days}: take more than cloudflare.backup_days "
                f"({self.cloudflare.backup_days}), or the lock refuses what retention drops"
            )
        return self

    @property
    def keep_days(self) -> int:
        """For how long a backup is kept."""
        return self.backup.keep_days or self.cloudflare.backup_days + 1

    @property
    def repository(self) -> str:
        """restic's address of the bucket."""
        r2 = f"https://{self.cloudflare.account}.r2.cloudflarestorage.com"
        return f"s3:{self.backup.endpoint or r2}/{self.cloudflare.backup_bucket}"

    def holder(self, role: Role) -> str:
        """The name of the server that holds a role."""
        return next(name for name, s in self.servers.items() if role in s.roles)


def raw_config(project: str = PROJECT) -> dict[str, object]:
    """The engine's configuration of this project, objects decoded from their JSON text."""
    flat: dict[str, Any] = {**get_config_env(), **CONFIG.get()}
    prefix = f"{project}:"
    return {
        key.removeprefix(prefix): decoded(value)
        for key, value in flat.items()
        if key.startswith(prefix)
    }


def unencrypted(file: str, project: str = PROJECT) -> list[Problem]:
    """Secrets that stand in the configuration as plain text."""
    encrypted = {*get_config_secret_keys_env()}
    return [
        Problem(
            path=f"{file}: {key}",
            message="is not encrypted",
            remedy=f"pulumi config set --secret --path '{key}.<name>'",
        )
        for key in ("secrets", "registries")
        if raw_config(project).get(key)
        and f"{project}:{key}" not in encrypted
        and not is_config_secret(f"{project}:{key}")
    ]


def decoded(value: object) -> object:
    """A value as the engine hands it over: objects and lists are their JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


def load_settings(raw: Mapping[str, object], file: str, catalog: Catalog) -> Settings:
    """Validate a stack's configuration, and that it has what the catalogue asks for.

    `file` names the file in errors. Raises `InvalidInputError` with all problems.
    """
    try:
        settings = Settings.model_validate(dict(raw))
    except ValidationError as error:
        raise InvalidInputError(
            from_validation(error, file, [PROJECT, *Settings.model_fields])
        ) from error
    problems = [
        *_missing_values(settings, file, catalog),
        *_unknown_domains(settings, catalog),
        *second_copy.problems(
            settings.backup.model_dump(include={"copy_to", "copy_host_key", "copy_at"}),
            settings.secrets,
            file,
        ),
    ]
    if problems:
        raise InvalidInputError(problems)
    return settings


def _missing_values(settings: Settings, file: str, catalog: Catalog) -> Iterator[Problem]:
    for name in catalog.secret_names:
        if name not in settings.secrets:
            yield Problem(
                path=f"{file}: secrets.{name}",
                message="is missing",
                remedy=f"pulumi config set --secret --path 'secrets.{name}'",
            )
    for service in catalog:
        for value in service.env.values():
            match value:
                case Variable(variable=name) if name not in settings.variables:
                    yield Problem(
                        path=f"{file}: variables.{name}",
                        message="is missing",
                        remedy=f"pulumi config set --path 'variables.{name}' <value>",
                    )
                case _:
                    pass
    for key, domain in settings.domains.items():
        if domain.zone not in settings.cloudflare.zones:
            yield Problem(
                path=f"{file}: domains.{key}.zone",
                message=f"zone {domain.zone} has no id",
                remedy=f"add it: cloudflare.zones.{domain.zone}",
            )


def _unknown_domains(settings: Settings, catalog: Catalog) -> Iterator[Problem]:
    for service in catalog.routed:
        if service.route and service.route.domain not in settings.domains:
            yield Problem(
                path=f"catalog/services/{service.project}.yaml: {service.name}.route.domain",
                message=f"unknown domain {service.route.domain}",
                remedy=suggestion(service.route.domain, settings.domains),
            )


def stack_file(folder: Path, stack: str) -> dict[str, object]:
    """The plain part of `Pulumi.<stack>.yaml`, as tools that run without an engine read it.

    Encrypted values stay as they are written: `{secure: ...}`.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    config = cast(dict[str, object], (data or {}).get("config") or {})
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}
