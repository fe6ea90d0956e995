"""Asynchronous actions: running, then success or error, in threads; a restart resumes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.emulators.hetzner.errors import ApiError, locked
from localcloud.emulators.store import Row, Store
from localcloud.machines.machine import MachineError

Job = Callable[..., None]
"""What an action does: called with the action's arguments; may be repeated after a restart."""
Target = tuple[str, int]
"""A resource that an action is about: its type and id, e.g. ("server", 42)."""

KEPT = 500
_LOG = logging.getLogger(__name__)


def now() -> str:
    """The time in the API's form."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def public(action: Row) -> Row:
    """An action without what only the emulator knows."""
    return {key: value for key, value in action.items() if not key.startswith("_")}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One action to be queued."""

    command: str
    targets: Sequence[Target]
    job: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Actions:
    """All actions of the project."""

    def __init__(self, store: Store, seconds: float = 0.0) -> None:
        """`seconds` is the least time that an action takes."""
        self._store = store
        self._seconds = seconds
        self._jobs: dict[str, Job] = {}
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="action")
        self._closing = threading.Event()

    def register(self, jobs: Mapping[str, Job]) -> None:
        """Make jobs known by name, so that a restarted process finds them."""
        self._jobs.update(jobs)

    def resume(self) -> None:
        """Take up what an earlier process left running."""
        with self._store.reading() as tables:
            running = [row for row in tables["actions"].values() if row["status"] == "running"]
        chains: dict[int, list[int]] = {}
        for row in running:
            chains.setdefault(row["_chain"], []).append(row["id"])
        for chain in chains.values():
            self._pool.submit(self._run, chain)

    def close(self) -> None:
        """Start nothing more; what runs is finished or resumed by the next process."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def done(self, command: str, *targets: Target) -> Row:
        """An action that is over at once."""
        with self._store.transaction():
            row = self._add(command, targets, "", {}, chain=0)
            row.update(status="success", progress=100, finished=now())
            return public(row)

    def queue(self, *steps: Step) -> list[Row]:
        """Actions that run one after the other in the background, as one chain.

        Called inside the transaction that the actions belong to: the first job starts when the
        transaction is over, and not at all when it failed.
        """
        with self._store.transaction():
            rows: list[Row] = []
            for step in steps:
                chain = rows[0]["id"] if rows else None
                rows.append(
                    self._add(step.command, step.targets, step.job, step.arguments, chain=chain)
                )
            self._pool.submit(self._run, [row["id"] for row in rows])
            return [public(row) for row in rows]

    def is_busy(self, kind: str, number: int) -> bool:
        """Whether an action on the resource still runs."""
        with self._store.reading() as tables:
            return any(
                row["status"] == "running" and {"type": kind, "id": number} in row["resources"]
                for row in tables["actions"].values()
            )

    def check_free(self, kind: str, number: int) -> None:
        """Refuse a request while another action on the resource runs."""
        if self.is_busy(kind, number):
            raise locked(kind)

    def _add(
        self,
        command: str,
        targets: Sequence[Target],
        job: str,
        arguments: Mapping[str, Any],
        *,
        chain: int | None,
    ) -> Row:
        with self._store.transaction() as tables:
            number = self._store.next_id("actions", 1000)
            row: Row = {
                "id": number,
                "command": command,
                "status": "running",
                "progress": 0,
                "started": now(),
                "finished": None,
                "resources": [{"id": key, "type": kind} for kind, key in targets],
                "error": None,
                "_job": job,
                "_arguments": dict(arguments),
                "_chain": number if chain is None else chain,
            }
            table = tables["actions"]
            table[str(number)] = row
            over = [key for key, item in table.items() if item["status"] != "running"]
            for key in over[: max(0, len(table) - KEPT)]:
                del table[key]
            return row

    def _run(self, chain: Sequence[int]) -> None:
        failed = False
        for number in chain:
            # Waits for the end of the transaction that queued the chain.
            with self._store.transaction() as tables:
                row = tables["actions"].get(str(number))
                if row is None:
                    return
                row["progress"] = 5
                job, arguments = row["_job"], dict(row["_arguments"])
            if failed:
                self._finish(number, ApiError("conflict", "an earlier action failed"))
                continue
            failed = not self._perform(number, job, arguments)
            if self._closing.is_set():
                return

    def _perform(self, number: int, job: str, arguments: Mapping[str, Any]) -> bool:
        if self._seconds:
            self._closing.wait(self._seconds / 2)
            with self._store.transaction() as tables:
                tables["actions"][str(number)]["progress"] = 50
            self._closing.wait(self._seconds / 2)
        try:
            self._jobs[job](**arguments)
        except ApiError as error:
            self._finish(number, error)
            return False
        except MachineError as error:
            self._finish(number, ApiError("server_error", str(error)))
            return False
        except Exception as error:
            # A thread has nobody to raise to: the client sees the failed action.
            _LOG.exception("action %s (%s) failed", number, job)
            self._finish(number, ApiError("server_error", str(error)))
            return False
        self._finish(number, None)
        return True

    def _finish(self, number: int, error: ApiError | None) -> None:
        with self._store.transaction() as tables:
            row = tables["actions"].get(str(number))
            if row is None:
                return
            row["progress"] = 100
            row["finished"] = now()
            row["status"] = "success" if error is None else "error"
            if error is not None:
                row["error"] = {"code": error.code, "message": error.message}
