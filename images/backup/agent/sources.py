"""All that the settings say is to be backed up."""

from __future__ import annotations

from pathlib import Path

from .database import Database
from .folder import Folder
from .keyspace import Keyspace
from .postgres import Postgres
from .process import AgentError, Programs
from .redis import Redis
from .roles import Roles
from .settings import Settings
from .source import Source, Terms

# Keys come and go: half of them may have expired over a night. None at all is another matter.
_ONLY_EMPTY = 100


def sources(settings: Settings) -> list[Source]:
    """Every source, in the order in which they are backed up."""
    found = _postgres(settings) if settings.databases else []
    if settings.redis_host:
        found.append(_redis(settings))
    found += [
        Folder(folder=name, path=Path(path), terms=_terms(settings, "bytes", "files"))
        for name, path in sorted(settings.folders.items())
    ]
    return found


def named(settings: Settings, name: str) -> Source:
    """The source of that name; raises `AgentError` when there is none."""
    for source in sources(settings):
        if source.name == name:
            return source
    raise AgentError(f"{name} is not backed up")


def databases_server(settings: Settings) -> Postgres:
    """The server of the databases, as the role that backs them up."""
    return Postgres(
        host=settings.host,
        port=settings.port,
        user=settings.user,
        programs=Programs({"PGPASSFILE": settings.passfile}),
    )


def _postgres(settings: Settings) -> list[Source]:
    server = databases_server(settings)
    roles = Roles(server=server, terms=_terms(settings, "roles, memberships and settings", "kinds"))
    databases = [
        Database(server=server, database=name, terms=_terms(settings, "rows", "tables"))
        for name in settings.databases
    ]
    return [*databases, roles]


def _redis(settings: Settings) -> Source:
    server = Redis(
        host=settings.redis_host,
        port=settings.redis_port,
        user=settings.redis_user,
        password_file=settings.redis_password_file,
    )
    terms = Terms(
        repository=settings.redis_repository,
        keep_days=settings.redis_keep_days,
        shrink_percent=_ONLY_EMPTY,
        counted="keys",
        parts="databases",
    )
    return Keyspace(server=server, terms=terms)


def _terms(settings: Settings, counted: str, parts: str) -> Terms:
    return Terms(
        repository=settings.repository,
        keep_days=settings.keep_days,
        shrink_percent=settings.shrink_percent,
        counted=counted,
        parts=parts,
    )
