"""Looking at a release: the edge's figures and the containers, every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ops import console
from ops.failures import OpsError
from ops.release import metrics, watch
from ops.release.change import Change
from ops.release.metrics import Snapshot, Traffic
from ops.release.server import Server
from ops.release.site import Site
from ops.release.watch import Before, Rules, Sight, Watch

LOOK_SECONDS = 5.0
_TELL_SECONDS = 30.0


@dataclass
class Observer:
    """Sees the services of one change."""

    site: Site
    change: Change
    _before: dict[str, Before] = field(default_factory=dict[str, Before])
    _last: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])

    def baseline(self) -> None:
        """Take the old slots' figures, and the new containers as they are before the switch.

        Raises `OpsError` when a server cannot be asked.
        """
        for server, services in self._servers():
            snapshot = metrics.read(server.metrics())
            there = server.inspect([self._container(service) for service in services])
            self._last[server.name] = snapshot
            for service in services:
                self._before[service] = Before(
                    traffic=self._shares(snapshot, service)[1],
                    container=watch.container(there.get(self._container(service))),
                )

    def watch(self, rules: Rules, *, canary: bool = False) -> Watch:
        """Watch from now on until the window is over or something breaks it.

        With `canary` the new slots have their share, and the old ones all else, beside them.
        """
        now, begun, told = watch.start(self._before, rules), time.monotonic(), 0.0
        # What the old slots answered until the flip is not the new ones' traffic.
        self._sights(canary=canary)
        while now.outcome is watch.Outcome.WATCHING:
            elapsed = time.monotonic() - begun
            time.sleep(max(0.0, min(LOOK_SECONDS, rules.window - elapsed)))
            sights = self._sights(canary=canary)
            elapsed = time.monotonic() - begun
            now = now.after(elapsed, sights)
            if elapsed - told >= _TELL_SECONDS or now.outcome is not watch.Outcome.WATCHING:
                told = elapsed
                console.note(f"  watched {elapsed:.0f} of {rules.window:.0f} s")
                for row in now.rows[:8]:
                    console.note("    " + "  ".join(row))
        return now

    def _sights(self, *, canary: bool) -> dict[str, Sight]:
        """What is there now. A server that cannot be asked has seen nothing, and is no breach."""
        sights: dict[str, Sight] = {}
        for server, services in self._servers():
            try:
                snapshot = metrics.read(server.metrics())
                there = server.inspect([self._container(service) for service in services])
            except OpsError as error:
                console.note(f"  {error.message}")
                sights |= {service: Sight() for service in services}
                continue
            since = snapshot.since(self._last[server.name])
            self._last[server.name] = snapshot
            for service in services:
                share, rest = self._shares(since, service)
                sights[service] = Sight(
                    traffic=share if canary else rest,
                    beside=rest if canary else Traffic(),
                    container=watch.container(there.get(self._container(service))),
                )
        return sights

    def _servers(self) -> list[tuple[Server, list[str]]]:
        grouped = self.site.by_server(self.change.images)
        return [(self.site.server_of(services[0]), services) for services in grouped.values()]

    def _container(self, service: str) -> str:
        return f"{service}-{self.change.slots[service]}"

    def _shares(self, snapshot: Snapshot, service: str) -> tuple[Traffic, Traffic]:
        """The requests of a canary, and of the live slot.

        Public ones, and those of other services, which come in on a port of the edge.
        """
        inside, host = f"internal-{self.site.catalog[service].port}", self.site.host_of(service)
        canary, whole = snapshot.of_canary(server=inside), snapshot.of(server=inside)
        if host:
            canary += snapshot.of_canary(host, server="public")
            whole += snapshot.of(host, server="public")
        return canary, whole - canary
