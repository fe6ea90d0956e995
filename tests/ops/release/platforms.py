"""A platform for tests of releases: it notes what is done to it, and fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from catalog import load_catalog
from ops.release.canary import Trial
from ops.release.change import Change
from ops.release.conduct import Conductor, Options
from ops.release.probes.target import Target as Probed
from ops.release.server import Server, Smoke
from ops.release.site import Site
from stacks.ledger import Entry, Ledger, Slot
from tests.ops.release.receipts import image

BACKEND, WEB = "chat-backend", "chat-web"
RUNNING: dict[str, Any] = {
    "RestartCount": 0,
    "State": {"Running": True, "StartedAt": "1", "Health": {"Status": "healthy"}},
}
UNHEALTHY: dict[str, Any] = {
    "RestartCount": 0,
    "State": {"Running": True, "StartedAt": "1", "Health": {"Status": "unhealthy"}},
}
# What is to be raised when something is done, or done instead.
Trouble = BaseException | Callable[[], object]


def ledger(*services: str, before: bool = False) -> Ledger:
    """Version one in the blue slots, which are live; with `before`, version zero in the green."""
    return Ledger(
        {
            service: Entry(
                live=Slot.BLUE,
                blue=image("one", service),
                green=image("zero", service) if before else None,
            )
            for service in services
        }
    )


def change(*services: str, tag: str = "two", before: bool = False) -> Change:
    """The change of these services to a version, from version one."""
    images = {service: image(tag, service) for service in services}
    return Change(ledger=ledger(*services, before=before), images=images)


@dataclass
class Platform:
    """What a conductor works on. `events` is what was done, in order.

    `trouble` is by what is done: `apply` by its own name, the rest as in `events`.
    """

    placed: Mapping[str, str] = field(default_factory=dict[str, str])
    total: int = 64 * 1024
    limits: dict[str, int] = field(default_factory=dict[str, int])
    trouble: dict[str, Trouble] = field(default_factory=dict[str, Trouble])
    smoke_failures: dict[str, str] = field(default_factory=dict[str, str])
    migrations: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    probed: list[Probed] = field(default_factory=list[Probed])
    events: list[str] = field(default_factory=list[str])
    ledgers: list[Ledger] = field(default_factory=list[Ledger])
    container: dict[str, Any] = field(default_factory=lambda: RUNNING)

    def conductor(
        self,
        *,
        watch: float = 0,
        probe: bool = False,
        rehearse: bool = False,
        canary: Trial | None = None,
    ) -> Conductor:
        """A conductor of releases on it."""
        options = Options(watch=watch, probe=probe, rehearse=rehearse, canary=canary)
        return Conductor(cast("Site", self), options)

    def did(self, what: str) -> None:
        """Note it, and let it fail when it is to."""
        self.events.append(what)
        trouble = self.trouble.get(what)
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble:
            trouble()

    @property
    def live(self) -> Ledger:
        """The ledger that was applied last."""
        return self.ledgers[-1]

    # What a `Site` has.

    target = SimpleNamespace(stack="staging")

    @property
    def catalog(self) -> dict[str, Any]:
        """The real entries, with these migrations."""
        return {
            entry.name: entry.model_copy(update={"migrate": self.migrations.get(entry.name, ())})
            for entry in load_catalog()
        }

    def apply(self, ledger: Ledger, what: str) -> None:
        """As the real one, the ledger is written before anything can fail."""
        self.ledgers.append(ledger)
        self.did(what)

    def flip(self, ledger: Ledger) -> None:
        """It is written, and the edge serves it."""
        self.ledgers.append(ledger)
        self.did("flip")

    def record(self, what: str) -> None:
        """The engine knows it."""
        self.did(f"record {what}")

    steer = apply

    def by_server(self, services: Iterable[str]) -> dict[str, list[str]]:
        """The services by server: all on `one`, but those that are placed."""
        found: dict[str, list[str]] = {}
        for service in services:
            found.setdefault(self.placed.get(service, "one"), []).append(service)
        return found

    def server_of(self, service: str) -> Server:
        """A server that answers from this platform."""
        name = self.placed.get(service, "one")
        return cast("Server", Machine(name, self))

    def host_of(self, service: str) -> str | None:
        """No service is public."""
        del service

    def smoke(self, service: str, slot: Slot) -> Smoke:
        """What is asked of a slot."""
        return Smoke(container=f"{service}-{slot}", slot=slot.value, port=80, path="/", host=None)

    def probes(self, services: Iterable[str]) -> list[Probed]:
        """What is probed."""
        del services
        return self.probed


@dataclass
class Machine:
    """One server of a platform."""

    name: str
    platform: Platform

    def metrics(self) -> str:
        """An edge that served nothing."""
        self.platform.did("metrics")
        return ""

    def inspect(self, containers: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """All containers are alike."""
        self.platform.did("inspect")
        return dict.fromkeys(containers, self.platform.container)

    def memory(self) -> tuple[int, dict[str, int]]:
        """Memory in all, and what is promised."""
        return self.platform.total, self.platform.limits

    def smoke(self, slots: Sequence[Smoke]) -> dict[str, str]:
        """What is wrong with the slots."""
        self.platform.did(f"smoke {self.name}: {' '.join(slot.container for slot in slots)}")
        return self.platform.smoke_failures

    def run(self, container: str, command: Sequence[str]) -> str:
        """Run a migration."""
        self.platform.did(f"run {container}: {' '.join(command)}")
        return ""
