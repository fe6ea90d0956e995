"""One service of the platform, as its entry in `catalog/services/` says."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.environment import InternalUrl, PublicUrl, Redis, Value
from catalog.kinds import KINDS, Kind, KindDefaults

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")]
Path = Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.-]*$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
HostLabel = Annotated[str, Field(pattern=r"^(@|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$")]

APP_USER = "1001:1001"


class Network(StrEnum):
    """The Docker networks of a server. `data` has no way out."""

    FRONTEND = "frontend"
    BACKEND = "backend"
    DATA = "data"
    MONITORING = "monitoring"


class Hardening(StrEnum):
    """A hardened default that a service may be exempt from."""

    READ_ONLY_ROOT = "read-only-root"
    NO_CAPABILITIES = "no-capabilities"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Route(_Model):
    """The public host name of a service."""

    host: HostLabel = Field(description="Label below the domain; `@` is the domain itself.")
    domain: str = Field(description="Key of the stack's `manacore:domains`.")
    proxied: bool | None = Field(
        default=None, description="Behind Cloudflare's proxy? Unset: as the domain says."
    )


class Volume(_Model):
    """A folder that outlives containers, and whether anything could make its content again."""

    path: Path = Field(description="Where it is mounted.")
    backup: bool = Field(description="Whether the folder is backed up as it is.")
    reason: str = Field(min_length=10, description="Why it is, or why it need not be.")


class Exemption(_Model):
    """An exception from the hardened defaults, with its reason."""

    from_: Hardening = Field(alias="from")
    reason: str = Field(min_length=10)
    capabilities: tuple[Annotated[str, Field(pattern=r"^[A-Z_]+$")], ...] = Field(
        default=(), description="What is added back to an empty set of capabilities."
    )


class Service(_Model):
    """A service: what it is, what it needs, and where it is reached."""

    name: Name
    project: str = Field(description="The product it belongs to: the file that holds the entry.")
    kind: Kind
    owner: str = Field(description="GitHub team or user that answers for it.")
    port: int = Field(ge=1, le=65535)
    health: str = Field(description="Path that answers 200 when the service works; empty: no HTTP.")
    metrics: Path | None = Field(description="Path of Prometheus metrics on the same port.")
    cpus: float = Field(gt=0, le=16, description="Cores, at most.")
    memory: int = Field(ge=16, le=65536, description="MiB, at most; no swap.")
    image: str | None = Field(
        default=None, description="Image of infrastructure; apps have theirs in the ledger."
    )
    route: Route | None = None
    database: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,62}$")] | None = None
    redis: bool = False
    websockets: bool = False
    depends_on: tuple[Name, ...] = ()
    env: dict[Variable, Value] = Field(default_factory=dict[str, Value])
    migrate: tuple[str, ...] = Field(
        default=(), description="Command in the new version that brings its database up to date."
    )
    volumes: dict[Name, Volume] = Field(
        default_factory=dict[str, Volume], description="Its volumes by name."
    )
    user: str = Field(default=APP_USER, description="uid:gid in the container.")
    ci_secrets: tuple[Variable, ...] = Field(
        default=(), description="Secrets that its builds need in GitHub Actions."
    )
    exemptions: tuple[Exemption, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill_from_kind(cls, data: object) -> object:
        """Give an entry the defaults of its kind."""
        if not isinstance(data, dict):
            return data
        entry: dict[str, object] = {**data}
        try:
            defaults = KINDS[Kind(str(entry.get("kind")))]
        except ValueError:
            return entry  # pydantic names the wrong kind
        for key in ("port", "health", "metrics", "cpus", "memory"):
            entry.setdefault(key, getattr(defaults, key))
        if defaults.migrate and entry.get("database"):
            entry.setdefault("migrate", defaults.migrate)
        return entry

    @model_validator(mode="after")
    def _consistent(self) -> Service:
        if self.defaults.slots and self.image:
            raise ValueError("image belongs in the release ledger for a kind with slots")
        if not self.defaults.slots and not self.image:
            raise ValueError("image is missing: infrastructure names its own")
        return self

    @property
    def defaults(self) -> KindDefaults:
        """What its kind shares."""
        return KINDS[self.kind]

    @property
    def slots(self) -> bool:
        """Whether it is released blue-green."""
        return self.defaults.slots

    @property
    def calls(self) -> frozenset[str]:
        """The services whose URL it is given."""
        values = self.env.values()
        inside = {v.url for v in values if isinstance(v, InternalUrl)}
        public = {v.public_url for v in values if isinstance(v, PublicUrl)}
        return frozenset((inside | public) - {"self"})

    @property
    def redis_user(self) -> str | None:
        """Its user of Redis; None: it logs in by a password alone."""
        named = any(isinstance(v, Redis) and v.redis in ("user", "url") for v in self.env.values())
        return self.name if named else None

    @property
    def needs(self) -> tuple[str, ...]:
        """All services that must run before it: the written ones, and those that follow."""
        needed = set(self.depends_on)
        if self.database:
            needed.add("postgres")
        if self.redis:
            needed.add("redis")
        return tuple(sorted(needed))

    @property
    def networks(self) -> tuple[Network, ...]:
        """The Docker networks it joins: only those that its entry needs."""
        joined: set[Network] = set()
        match self.kind:
            case Kind.POSTGRES | Kind.REDIS:
                joined = {Network.DATA}
            case Kind.EDGE | Kind.HOLDER:
                joined = {Network.FRONTEND, Network.BACKEND, Network.MONITORING}
            case Kind.PROMETHEUS | Kind.GRAFANA | Kind.LOKI | Kind.ALERTMANAGER:
                joined = {Network.MONITORING}
            case Kind.EXPORTER:
                # It probes the public names, so it needs the way out that `frontend` has.
                joined = {Network.MONITORING, Network.FRONTEND}
            case Kind.BACKUP:
                # `monitoring`, where Prometheus asks it, has the way out to the bucket as well.
                joined = {Network.DATA, Network.MONITORING}
            case Kind.NESTJS:
                joined = {Network.BACKEND, Network.MONITORING}
            case Kind.SVELTEKIT:
                joined = {Network.FRONTEND, Network.BACKEND}
            case Kind.ASTRO | Kind.EXPO:
                joined = {Network.FRONTEND}
        if self.database or self.redis:
            joined.add(Network.DATA)
        return tuple(n for n in Network if n in joined)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The Linux capabilities that it keeps: none, unless an exemption names them."""
        return tuple(c for e in self.exemptions for c in e.capabilities)

    def exempt(self, default: Hardening) -> bool:
        """Whether it is exempt from a hardened default."""
        return any(e.from_ is default for e in self.exemptions)
