"""What the engine does, told briefly while it does it, and counted for the end."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from pulumi.automation.events import EngineEvent, OpType

from ops import console

EVERY_SECONDS = 10 if not sys.stderr.isatty() else 2
_BRIEF = 600
CHANGES = {
    OpType.CREATE: "created",
    OpType.UPDATE: "updated",
    OpType.DELETE: "deleted",
    OpType.REPLACE: "replaced",
    OpType.CREATE_REPLACEMENT: "created",
    OpType.DELETE_REPLACED: "deleted",
    OpType.READ: "read",
    OpType.READ_REPLACEMENT: "read",
    OpType.IMPORT: "imported",
    OpType.REFRESH: "refreshed",
}


@dataclass
class Progress:
    """Takes the engine's events: what is under way, what is done, what failed."""

    verb: str
    started: float = field(default_factory=time.monotonic)
    under_way: dict[str, str] = field(default_factory=dict[str, str])
    done: Counter[str] = field(default_factory=Counter[str])
    planned: dict[str, str] = field(default_factory=dict[str, str])
    failures: list[str] = field(default_factory=list[str])
    summary: dict[str, int] = field(default_factory=dict[str, int])
    _ended: threading.Event = field(default_factory=threading.Event)
    _teller: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._teller = threading.Thread(target=self._tell, daemon=True)
        self._teller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End telling."""
        self._ended.set()
        if self._teller is not None:
            self._teller.join()

    @property
    def changes(self) -> dict[str, int]:
        """What a preview would change or an update changed, by kind; empty when nothing."""
        return {kind: n for kind, n in self.summary.items() if n and kind not in ("same", "read")}

    def take(self, event: EngineEvent) -> None:
        """Note one event of the engine."""
        if before := event.resource_pre_event:
            self.under_way[before.metadata.urn] = before.metadata.op.value
            if before.planning and before.metadata.op is not OpType.SAME:
                self.planned[before.metadata.urn] = before.metadata.op.value
        elif after := event.res_outputs_event:
            self.under_way.pop(after.metadata.urn, None)
            if kind := CHANGES.get(after.metadata.op):
                self.done[kind] += 1
        elif failed := event.res_op_failed_event:
            self.under_way.pop(failed.metadata.urn, None)
        elif (said := event.diagnostic_event) and said.severity == "error":
            self._failure(said.urn or "", said.message)
        elif total := event.summary_event:
            self.summary = {
                str(getattr(kind, "value", kind)): count
                for kind, count in total.resource_changes.items()
            }

    def _failure(self, urn: str, message: str) -> None:
        lines = [line.strip() for line in plain(message).splitlines() if line.strip()]
        # The engine repeats the failure at the stack; the resource's own line says more.
        if not lines or lines[0].startswith(("update failed", "preview failed")):
            return
        line = f"{resource(urn)}: {_brief(' '.join(lines))}" if urn else lines[0]
        if line not in self.failures:
            self.failures.append(line)

    def _tell(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            seconds = time.monotonic() - self.started
            counted = ", ".join(f"{n} {kind}" for kind, n in sorted(self.done.items()))
            waiting = [resource(urn).split(" ")[0] for urn in list(self.under_way)]
            names = ", ".join(waiting[:4]) + (", …" if len(waiting) > 4 else "")
            now = f"; under way: {names}" if waiting else ""
            console.note(f"  {self.verb} {seconds:.0f}s: {counted or 'planning'}{now}")


def resource(urn: str) -> str:
    """A resource as a person knows it: its name and type."""
    parts = urn.split("::", 3)
    if len(parts) < 4:
        return urn
    return f"{parts[3]} ({parts[2].rpartition('$')[2]})"


def _brief(said: str) -> str:
    """The beginning, and the end: a command tells its whole text first, and its reason last."""
    if len(said) <= _BRIEF:
        return said
    return f"{said[: _BRIEF // 3]} ... {said[-2 * _BRIEF // 3 :]}"


def plain(text: str) -> str:
    """The engine's text without its colour marks."""
    for mark in ("<{%reset%}>", "<{%fg 1%}>", "<{%fg 3%}>"):
        text = text.replace(mark, "")
    return text
