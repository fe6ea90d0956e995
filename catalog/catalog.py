"""The catalogue: all services, loaded from `catalog/services/` and checked as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from catalog.environment import Database, InternalUrl, PublicUrl, Redis, Secret
from catalog.kinds import Kind
from catalog.problem import InvalidInputError, Problem, from_validation, suggestion
from catalog.service import Service

SERVICES = Path(__file__).parent / "services"
_ENTRY_KEYS = tuple(Service.model_fields)
# Users that Redis has besides those of services.
REDIS_TAKEN = frozenset({"admin", "backup-agent", "default"})


@dataclass(frozen=True)
class Catalog:
    """All services by name, in the order of their files."""

    services: dict[str, Service]

    def __iter__(self) -> Iterator[Service]:
        """The services, in order."""
        return iter(self.services.values())

    def __getitem__(self, name: str) -> Service:
        """The service of that name; `KeyError` when there is none."""
        return self.services[name]

    @cached_property
    def counted(self) -> tuple[Service, ...]:
        """The plan's 39 services: all but the edge, the exporters and the backup."""
        return tuple(s for s in self if s.defaults.counted)

    @cached_property
    def slotted(self) -> tuple[Service, ...]:
        """The services that are released blue-green."""
        return tuple(s for s in self if s.slots)

    def of_kind(self, *kinds: Kind) -> tuple[Service, ...]:
        """The services of some kinds."""
        return tuple(s for s in self if s.kind in kinds)

    @cached_property
    def routed(self) -> tuple[Service, ...]:
        """The services with a public host name."""
        return tuple(s for s in self if s.route)

    @cached_property
    def callees(self) -> tuple[Service, ...]:
        """The services that others call inside the platform: each has a listener of the edge."""
        called = {v.url for s in self for v in s.env.values() if isinstance(v, InternalUrl)}
        return tuple(s for s in self if s.name in called)

    def browser_callers(self, name: str) -> tuple[Service, ...]:
        """The routed services whose pages call a service from the browser."""
        return tuple(
            s
            for s in self.routed
            if s.name != name
            and any(isinstance(v, PublicUrl) and v.public_url == name for v in s.env.values())
        )

    @cached_property
    def databases(self) -> dict[str, Service]:
        """The owning service of each database."""
        return {s.database: s for s in self if s.database}

    @cached_property
    def redis_users(self) -> dict[str | None, Service]:
        """The service of each user of Redis; of None, that which logs in by a password alone."""
        return {s.redis_user: s for s in self if s.redis}

    @cached_property
    def kept_volumes(self) -> dict[str, Service]:
        """The owning service of each volume that is backed up as a folder."""
        return {name: s for s in self for name, volume in s.volumes.items() if volume.backup}

    @cached_property
    def secret_names(self) -> tuple[str, ...]:
        """The secrets that a stack must be given: of services and of their builds."""
        values = {v.secret for s in self for v in s.env.values() if isinstance(v, Secret)}
        return tuple(sorted(values | {name for s in self for name in s.ci_secrets}))

    @cached_property
    def private_secret_names(self) -> frozenset[str]:
        """The secrets of infrastructure alone, which are nothing to the apps' workflows."""
        given = {
            name: {s.slots for s in self if Secret(secret=name) in s.env.values()}
            for name in self.secret_names
        }
        return frozenset(name for name, slots in given.items() if slots == {False})

    def start_order(self) -> tuple[Service, ...]:
        """The services so that each comes after those that it needs."""
        ordered: dict[str, Service] = {}

        def visit(service: Service) -> None:
            if service.name in ordered:
                return
            for needed in service.needs:
                visit(self[needed])
            ordered[service.name] = service

        for service in self:
            visit(service)
        return tuple(ordered.values())


def load_catalog(folder: Path = SERVICES) -> Catalog:
    """Read and check every file of the folder.

    Raises `InvalidInputError` with all problems of all files.
    """
    problems: list[Problem] = []
    services: dict[str, Service] = {}
    for file in sorted(folder.glob("*.yaml")):
        for name, entry in _entries(file, problems):
            path = f"catalog/services/{file.name}"
            if name in services:
                problems.append(
                    Problem(
                        path=f"{path}: {name}",
                        message=f"is also in {services[name].project}.yaml",
                        remedy="give each service one entry",
                    )
                )
                continue
            try:
                services[name] = Service.model_validate(
                    {**entry, "name": name, "project": file.stem}
                )
            except ValidationError as error:
                problems += [
                    Problem(
                        path=p.path.replace(": ", f": {name}.", 1),
                        message=p.message,
                        remedy=p.remedy,
                    )
                    for p in from_validation(error, path, _ENTRY_KEYS)
                ]
    if not problems:  # the relations between entries only make sense once each entry does
        problems += check(services.values())
    if problems:
        raise InvalidInputError(problems)
    return Catalog(services)


def _entries(file: Path, problems: list[Problem]) -> Iterator[tuple[str, dict[str, Any]]]:
    path = f"catalog/services/{file.name}"
    try:
        data: object = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        where = str(getattr(error, "problem_mark", "")).strip()
        problems.append(
            Problem(path=path, message="is not YAML", remedy=f"correct it near {where}")
        )
        return
    if not isinstance(data, dict):
        problems.append(
            Problem(path=path, message="holds no services", remedy="map each name to its entry")
        )
        return
    for name, entry in cast(dict[object, object], data).items():
        if isinstance(entry, dict):
            yield str(name), cast(dict[str, Any], entry)
        else:
            problems.append(
                Problem(
                    path=f"{path}: {name}",
                    message="is no mapping",
                    remedy="describe it: kind, port, ...",
                )
            )


def check(services: Iterable[Service]) -> list[Problem]:
    """What is wrong between entries that are each valid."""
    found = tuple(services)
    by_name = {s.name: s for s in found}
    return [
        *_duplicates(found),
        *_unreadable(found),
        *_users_of_redis(found),
        *(problem for s in found for problem in _references(s, by_name)),
        *_cycles(by_name),
    ]


def _at(service: Service, key: str) -> str:
    return f"catalog/services/{service.project}.yaml: {service.name}.{key}"


def _duplicates(services: tuple[Service, ...]) -> Iterator[Problem]:
    hosts = Counter((s.route.host, s.route.domain) for s in services if s.route)
    databases = Counter(s.database for s in services if s.database)
    ports = Counter(s.port for s in services if s.kind is Kind.NESTJS)
    for s in services:
        if s.route and hosts[s.route.host, s.route.domain] > 1:
            yield Problem(
                path=_at(s, "route"),
                message=f"host name {s.route.host} of domain {s.route.domain} is taken twice",
                remedy="give each service a host name of its own",
            )
        if s.database and databases[s.database] > 1:
            yield Problem(
                path=_at(s, "database"),
                message=f"database {s.database} has two owners",
                remedy="give each service a database of its own",
            )
        if s.kind is Kind.NESTJS and ports[s.port] > 1:
            yield Problem(
                path=_at(s, "port"),
                message=f"port {s.port} is taken twice",
                remedy="give each backend a port of its own: the edge listens on it inside",
            )


def _unreadable(services: tuple[Service, ...]) -> Iterator[Problem]:
    """Folders are their owner's alone, and the backup agent has no capability to read others'."""
    agents = {s.user for s in services if s.kind is Kind.BACKUP}
    for s in services:
        for name, volume in s.volumes.items():
            if volume.backup and agents and s.user not in agents:
                yield Problem(
                    path=_at(s, f"volumes.{name}"),
                    message=f"is {s.user}'s, which the backup agent may not read",
                    remedy=f"run the service as {', '.join(agents)}, or say why it need not be",
                )


def _users_of_redis(services: tuple[Service, ...]) -> Iterator[Problem]:
    """Redis takes a password alone for one user's, and has some users of its own."""
    unnamed = [s for s in services if s.redis and s.redis_user is None]
    for s in unnamed if len(unnamed) > 1 else ():
        others = ", ".join(other.name for other in unnamed if other is not s)
        yield Problem(
            path=_at(s, "env"),
            message=f"logs in to Redis by a password alone, and so does {others}",
            remedy="add a variable with {redis: user}",
        )
    for s in services:
        if s.redis_user in REDIS_TAKEN:
            yield Problem(
                path=_at(s, "redis"),
                message=f"{s.name} is a user of Redis already",
                remedy="give the service another name",
            )


def _references(service: Service, by_name: dict[str, Service]) -> Iterator[Problem]:
    for needed in service.needs:
        if needed not in by_name:
            yield Problem(
                path=_at(service, "depends_on"),
                message=f"unknown service {needed}",
                remedy=suggestion(needed, by_name),
            )
    for key, value in service.env.items():
        path = _at(service, f"env.{key}")
        match value:
            case InternalUrl(url=name) | PublicUrl(public_url=name) if (
                name != "self" and name not in by_name
            ):
                yield Problem(
                    path=path,
                    message=f"unknown service {name}",
                    remedy=suggestion(name, by_name),
                )
            case InternalUrl(url=name) if by_name[name].kind is not Kind.NESTJS:
                yield Problem(
                    path=path,
                    message=f"{name} has no listener inside the platform",
                    remedy="use public_url, or call a backend",
                )
            case PublicUrl(public_url=name) if not (
                service.route if name == "self" else by_name[name].route
            ):
                yield Problem(
                    path=path,
                    message=f"{name} has no public host name",
                    remedy="give it a route, or use url",
                )
            case Database() if not service.database:
                yield Problem(
                    path=path,
                    message="asks for a database that the service does not have",
                    remedy="add the key database",
                )
            case Redis() if not service.redis:
                yield Problem(
                    path=path,
                    message="asks for Redis, which the service does not use",
                    remedy="add redis: true",
                )
            case _:
                pass


def _cycles(by_name: dict[str, Service]) -> Iterator[Problem]:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[Problem]:
        if name in trail:
            loop = " -> ".join((*trail[trail.index(name) :], name))
            yield Problem(
                path=_at(by_name[name], "depends_on"),
                message=f"services wait for each other: {loop}",
                remedy="remove one of these dependencies",
            )
        elif name not in done and name in by_name:
            for needed in by_name[name].needs:
                yield from visit(needed, (*trail, name))
            done.add(name)

    for name in by_name:
        yield from visit(name, ())
