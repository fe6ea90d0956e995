"""An app service as its image knows it: what is baked into `/app/service.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from catalog import Service
from catalog.environment import Database, Redis, is_secret


class Fault(StrEnum):
    """A defect built into a version, named by the end of its tag (`main-abc1234-crash`)."""

    UNHEALTHY = "unhealthy"
    """Starts and serves, but its health check always fails."""
    CRASH = "crash"
    """Exits with 1 soon after its start."""
    ERRORS = "errors10"
    """Healthy, but answers every tenth request with 500."""
    SLOW = "slow"
    """Healthy, but takes two seconds for each request."""
    STUCK = "stuck"
    """Never begins to listen."""
    LEAK = "leak"
    """Healthy, but keeps half a megabyte for each request until it is killed for it."""
    MIGRATION = "migration"
    """Healthy, but its migration fails."""
    BREAKING = "breaking"
    """Healthy, and its migration works, but the former version does not work after it."""


@dataclass(frozen=True, kw_only=True)
class AppService:
    """What the program in the image has to know of its service."""

    name: str
    project: str
    kind: str
    port: int
    health: str
    database: bool = False
    redis: bool = False
    websockets: bool = False
    required: tuple[str, ...] = ()
    """Variables without which it refuses to start."""
    secret: tuple[str, ...] = ()
    """Those of them whose values it never shows."""
    folders: tuple[str, ...] = ()
    """Variables that name folders it writes to."""

    @classmethod
    def of(cls, service: Service) -> AppService:
        """The service of a catalogue entry."""
        env = service.env
        return cls(
            name=service.name,
            project=service.project,
            kind=service.kind.value,
            port=service.port,
            health=service.health,
            # An entry may have a database without being given its URL (it goes through Supabase).
            database=any(isinstance(value, Database) for value in env.values()),
            redis=any(isinstance(value, Redis) for value in env.values()),
            websockets=service.websockets,
            required=tuple(env),
            secret=tuple(name for name, value in env.items() if is_secret(value)),
            folders=tuple(name for name in env if name.endswith("_DIR")),
        )

    def document(self, version: str) -> bytes:
        """The content of `/app/service.json` for one version."""
        fault = fault_of(version)
        content = {**asdict(self), "version": version, "fault": fault.value if fault else None}
        return json.dumps(content, indent=2, sort_keys=True).encode()


def fault_of(version: str) -> Fault | None:
    """The defect that the end of a tag asks for."""
    return next((fault for fault in Fault if version.endswith(f"-{fault.value}")), None)
