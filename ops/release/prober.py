"""Load on the public hosts, through the edge, while a release happens."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self, cast

from ops.release.probe_report import ProbeReport
from ops.release.probes.http import KeepAlive, NewConnection, Upload
from ops.release.probes.pace import Pace
from ops.release.probes.probe import Probe
from ops.release.probes.target import Target, tls
from ops.release.probes.websocket import WebSocket
from ops.release.stats import Stats

PATIENCE_SECONDS = 10.0
"""After the longest that a request may take: for closing, and for a machine under load."""


def checked(targets: Sequence[Target], pace: Pace) -> Pace:
    """The pace within which these targets can be probed.

    Raises `ValueError` for a host named twice or for more probes than connections, and `OSError`
    for a file of authorities that cannot be read.
    """
    twice = [host for host, n in Counter(t.host for t in targets).items() if n > 1]
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    for target in targets:
        tls(target.verify)
    websockets = sum(target.websocket for target in targets)
    return pace.bounded(plain=len(targets) - websockets, websockets=websockets)


class Prober:
    """Probes in a thread of their own, from the start of a `with` block to its end.

        with Prober(targets) as prober:
            prober.mark("flip")
        report = prober.report()

    The end of the block waits until what is under way has its outcome. An error inside the
    prober never reaches the release; it is in the report, as `broken`.
    """

    def __init__(self, targets: Iterable[Target], pace: Pace | None = None) -> None:
        """Nothing is sent yet. Raises as `checked`."""
        self._targets = tuple(targets)
        self._pace = checked(self._targets, pace or Pace())
        self._stats = Stats(target.host for target in self._targets)
        self._stop = asyncio.Event()
        # A daemon: whatever happens to it, it does not keep the command from ending.
        self._thread = threading.Thread(target=self._work, name="prober", daemon=True)

    def __enter__(self) -> Self:
        """Begin to probe."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and wait for the outcome of what is under way."""
        # The loop is closed already when the prober broke.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(self._pace.connect_seconds + self._pace.answer_seconds + PATIENCE_SECONDS)
        if self._thread.is_alive():
            self._stats.end("did not stop in time")

    def mark(self, name: str) -> None:
        """Begin a phase of the report, such as `flip`."""
        self._stats.mark(name)

    def wait_for_each_host(self, count: int = 1, seconds: float = 30) -> bool:
        """Wait until every host has `count` more outcomes.

        False when that took more than `seconds`, or when the prober ended.
        """
        return self._stats.wait_for_each_host(count, seconds)

    def report(self) -> ProbeReport:
        """What was seen until now; complete after the block."""
        return self._stats.report()

    def _work(self) -> None:
        broken = ""
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.get_loop().set_exception_handler(_ignore_lost_connections)
                runner.run(self._probe())
        except Exception as error:
            # The release goes on; the report says it.
            broken = _words(error)
        finally:
            self._stats.end(broken)

    async def _probe(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(self._targets):
                for kind in self._kinds(target):
                    probe = kind(
                        target=target,
                        pace=self._pace,
                        stats=self._stats,
                        share=number / len(self._targets),
                    )
                    group.create_task(probe.run(self._stop))

    def _kinds(self, target: Target) -> list[type[Probe]]:
        pace = self._pace
        wanted: list[tuple[type[Probe], float]] = [
            (KeepAlive, pace.keep_alive_per_second),
            (NewConnection, pace.new_connections_per_second),
            (Upload, pace.upload_seconds),
            (WebSocket, pace.pings_per_second if target.websocket else 0),
        ]
        return [kind for kind, rate in wanted if rate > 0]


def _ignore_lost_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Lost connections are counted by their probes: no second word about them on the screen."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


def _words(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):
        inner = cast("ExceptionGroup[Exception]", error).exceptions
        return "; ".join(map(_words, inner))
    return f"{type(error).__name__}: {error}"
