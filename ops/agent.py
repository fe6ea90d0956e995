"""The backup agent of a stack, asked by ssh in its container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from ops import session
from ops.failures import OpsError
from ops.release.server import Server
from ops.session import Session
from ops.target import Target

# Long enough for tens of gigabytes: a backup that is cut off is begun anew.
_SECONDS = 4 * 3600
# A few megabytes; an update of the stack has ended, and somebody waits.
_KEEP_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A backup of one source, such as `postgres/chat`, which is kept for `keep_days`."""

    id: str
    time: datetime
    tags: tuple[str, ...]
    source: str
    keep_days: int

    @property
    def suspect(self) -> bool:
        """Whether it had much less than the one before it."""
        return "suspect" in self.tags


@dataclass(frozen=True, kw_only=True)
class Agent:
    """The agent of a stack that is up."""

    stack: str
    server: Server
    container: str

    @classmethod
    def of(cls, target: Target) -> Agent:
        """Where the agent is; raises `OpsError` when the stack has none."""
        return cls.among(session.outputs(Session(target).known()), target.stack)

    @classmethod
    def among(cls, outputs: Mapping[str, Any], stack: str) -> Agent:
        """Where the agent is by the stack's outputs; raises as `of`."""
        support = cast("list[Mapping[str, Any]]", outputs.get("support") or [])
        for found in support:
            if found["kind"] == "backup":
                server = Server.of(outputs, str(found["server"]))
                return cls(stack=stack, server=server, container=str(found["container"]))
        raise OpsError(
            f"The stack {stack} has no backup agent.",
            [f"Bring it up: ./manacore up --stack {stack}"],
        )

    def ask(self, *arguments: str, seconds: float = _SECONDS, stdin: str = "") -> tuple[Any, bool]:
        """What it answers within `seconds`, given `stdin`, and whether all is well.

        Raises `OpsError` when it cannot do it.
        """
        command = ["python3", "-m", "agent", *arguments]
        try:
            answer, well = self.server.answer(self.container, command, seconds, stdin)
        except OpsError as error:
            remedies = [
                f"Is it up? ./manacore up --stack {self.stack} brings it back.",
                "What it was asked already it ends by itself; the next command waits for that.",
            ]
            raise OpsError(error.message, [*error.details, *remedies]) from error
        if said := _failure(answer):
            raise OpsError(
                f"{self.stack}: {arguments[0]} failed.",
                [said, "What is told here and what helps: docs/runbooks/restore.md"],
            )
        return answer, well

    def keep(self, document: str) -> str:
        """Store a stack's document and return its snapshot's id; raises `OpsError`."""
        answer, _ = self.ask("keep", seconds=_KEEP_SECONDS, stdin=document)
        return str(answer["snapshot"])

    def archived(self) -> datetime | None:
        """When what is archived so far was committed; None: nothing is. Raises `OpsError`."""
        answer, _ = self.ask("archived")
        until = cast("Mapping[str, str | None]", answer).get("until")
        return datetime.fromisoformat(until) if until else None

    def snapshots(self) -> list[Snapshot]:
        """All snapshots, the oldest first; raises `OpsError`."""
        answer, _ = self.ask("list")
        return [
            Snapshot(
                id=str(one["id"]),
                time=datetime.fromisoformat(str(one["time"])),
                tags=tuple(one["tags"]),
                source=str(one["source"]),
                keep_days=int(one["keep_days"]),
            )
            for one in cast("list[Mapping[str, Any]]", answer)
        ]


def _failure(answer: object) -> str:
    """Why it could not do what it was asked; other answers are lists, or say what is restored."""
    if not isinstance(answer, dict):
        return ""
    return str(cast("dict[str, object]", answer).get("error", ""))
