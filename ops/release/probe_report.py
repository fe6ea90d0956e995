"""What the prober saw, as the receipt keeps it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """A kind of probe."""

    KEEP_ALIVE = "keep-alive"
    NEW_CONNECTION = "new-connection"
    UPLOAD = "upload"
    WEBSOCKET = "websocket"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Failure(_Model):
    """One failed request: when it was known to be lost, and why."""

    at: AwareDatetime
    host: str
    kind: Kind
    reason: str


class Counts(_Model):
    """Requests that have an outcome.

    `sent` has the failed ones, too; a request still under way is in neither. The durations are
    those of the requests that did not fail, None without any: of an upload from its last byte
    to the answer, of a WebSocket from a ping to its pong. They are at most 5 % above the truth.
    `reopened` counts connections that the server closed between requests, which is no failure.
    """

    sent: int = Field(ge=0)
    failed: int = Field(ge=0)
    reopened: int = Field(ge=0)
    p50_ms: float | None
    p99_ms: float | None


class HostReport(Counts):
    """One host, in total and by kind. `statuses` says how often each HTTP status came."""

    host: str
    statuses: dict[int, int]
    first_failure: Failure | None
    last_failure: Failure | None
    kinds: dict[Kind, Counts]


class Phase(_Model):
    """The time from one mark to the next, and the requests that got their outcome in it."""

    name: str
    started: AwareDatetime
    sent: int = Field(ge=0)
    failed: int = Field(ge=0)


class ProbeReport(Counts):
    """All hosts together, by kind, by host and by phase.

    `failures` has the first ones only, `failed` counts them all. `broken` says why the prober
    itself stopped early: the figures then end there. It is empty when all went well.
    """

    started: AwareDatetime
    ended: AwareDatetime
    first_failure: Failure | None
    last_failure: Failure | None
    kinds: dict[Kind, Counts]
    hosts: tuple[HostReport, ...]
    phases: tuple[Phase, ...]
    failures: tuple[Failure, ...]
    broken: str = ""
