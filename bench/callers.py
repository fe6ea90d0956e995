"""Callers of every kind at once: what a change of what serves them may not lose.

200 requests a second by h2load over kept connections, half in HTTP/1.1 and half in HTTP/2; and the
release's own prober: new connections, kept ones, uploads of 30 s, a WebSocket.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench import load as loads
from bench.load import Load
from catalog import load_catalog
from ops.release.histogram import Histogram
from ops.release.probe_report import ProbeReport
from ops.release.prober import Prober
from ops.release.probes.pace import Pace
from ops.release.probes.target import Target

PER_SECOND = 200
PACE = Pace(new_connections_per_second=5, keep_alive_per_second=10, upload_seconds=30)
WEB, BACKEND, SOCKET = "chat-web", "chat-backend", "wisekeep-backend"
_PATH = "/version"
# So many outcomes of every probed host before and after the change: uploads that began while it
# happened end after it.
_OUTCOMES = 5
_WAIT_SECONDS = 60


class NotAnsweredError(Exception):
    """The callers came to nothing: there is nothing to measure."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """What is called: an address and a port, and the hosts behind it.

    `kept` is the host that is asked in HTTP/1.1, `streams` the one in HTTP/2.
    """

    address: str
    port: int = 443
    kept: str
    streams: str
    probed: Sequence[Target]

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> Door:
        """The edge of a stack on the local cloud, with three of its services."""
        address = str(outputs["servers"]["main"]["ipv4"])
        hosts = {name: url.removeprefix("https://") for name, url in outputs["urls"].items()}
        catalog = load_catalog()
        targets = [
            Target(
                host=hosts[name],
                address=address,
                path=catalog[name].health,
                # The local cloud's authority is its edge's own.
                verify=False,
                websocket=catalog[name].websockets,
                websocket_path="/ws",
            )
            for name in (WEB, BACKEND, SOCKET)
        ]
        return cls(address=address, kept=hosts[WEB], streams=hosts[BACKEND], probed=targets)


@dataclass(frozen=True)
class Callers:
    """What became of them; complete after the block."""

    loads: Sequence[Load]
    prober: Prober

    @property
    def report(self) -> ProbeReport:
        """What the prober saw."""
        return self.prober.report()

    @property
    def answered(self) -> int:
        """Requests with an answer."""
        report = self.report
        return sum(load.answered for load in self.loads) + report.sent - report.failed

    @property
    def lost(self) -> int:
        """Requests without the answer that they were sent for."""
        return sum(load.lost for load in self.loads) + self.report.failed

    @property
    def told(self) -> str:
        """Everything about the lost ones."""
        failures = [failure.model_dump_json() for failure in self.report.failures]
        return "\n".join([*(line for load in self.loads for line in load.told), *failures])

    def quantile(self, share: float) -> float | None:
        """The seconds that `share` (0 to 1) of h2load's answered requests did not exceed."""
        durations = Histogram()
        for load in self.loads:
            durations.include(load.durations)
        return durations.quantile(share)


@contextmanager
def calling(door: Door) -> Generator[Callers]:
    """Call until the block ends. Raises `NotAnsweredError` when the prober has no outcomes."""
    half = PER_SECOND // 2
    with ExitStack() as stack:

        def begin(host: str, version: str) -> Load:
            return stack.enter_context(
                loads.load(
                    door.address, host, _PATH, port=door.port, per_second=half, version=version
                )
            )

        kept, streams = begin(door.kept, "--h1"), begin(door.streams, "--npn-list=h2")
        prober = stack.enter_context(Prober(door.probed, PACE))
        _await_outcomes(prober)
        yield Callers([kept, streams], prober)
        _await_outcomes(prober)
    if broken := prober.report().broken:
        raise NotAnsweredError(f"the prober broke: {broken}")


def _await_outcomes(prober: Prober) -> None:
    if not prober.wait_for_each_host(_OUTCOMES, _WAIT_SECONDS):
        raise NotAnsweredError(f"a host has no {_OUTCOMES} outcomes within {_WAIT_SECONDS} s")
