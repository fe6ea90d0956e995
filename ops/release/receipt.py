"""Receipts: what a release or a rollback did, in `receipts/<stack>/<id>.json`."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ops.release.probe_report import ProbeReport
from stacks.ledger import Slot

# Both become parts of a file's path.
_ID = r"^[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9a-f]{6}$"
_STACK = r"^[a-z][a-z0-9-]*$"
Utc = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Seconds = Annotated[float, Field(ge=0)]


class Outcome(StrEnum):
    """How it ended. `RELEASED`: the new versions are live. `ROLLED_BACK`: the former ones are.

    `FAILED`: it was given up before anything was switched, or could not be rolled back.
    `REFUSED`: it was not begun. `RUNNING`: it is under way. `INTERRUPTED`: its command was killed;
    `reason` says which versions are live.
    """

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    RELEASED = "released"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"
    REFUSED = "refused"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceChange(_Model):
    """One service: what was live, and what was to become live.

    `outcome` of the receipt says whether it did. None: there was, or would be, nothing.
    """

    service: str
    image_before: str | None
    image_after: str | None
    slot_before: Slot | None
    slot_after: Slot | None


class Step(_Model):
    """One step, in the order of the receipt."""

    name: str
    started: Utc
    seconds: Seconds
    outcome: Literal["done", "failed", "skipped"]

    @property
    def is_failed(self) -> bool:
        """Whether it was begun and did not succeed."""
        return self.outcome == "failed"


class Watch(_Model):
    """The watch window, `seconds` long.

    `breaches` says in words what was seen. `detected_seconds` is from the switch until a breach
    was detected, `rolled_back_seconds` from there until the former version was live again.
    """

    seconds: Seconds
    breaches: tuple[str, ...] = ()
    detected_seconds: Seconds | None = None
    rolled_back_seconds: Seconds | None = None


class Figures(_Model):
    """Requests that a slot answered; p95 in milliseconds, None without requests."""

    requests: int
    failed: int
    p95_ms: float | None


class Canary(_Model):
    """The time before the switch in which the new slots had `percent` of the clients.

    `seconds` were asked for. `breaches` says in words what was seen; then the share was taken
    back within `taken_back_seconds`. The figures are by service, of the new and the live slot.
    """

    percent: Annotated[int, Field(ge=1, le=99)]
    seconds: Seconds
    breaches: tuple[str, ...] = ()
    detected_seconds: Seconds | None = None
    taken_back_seconds: Seconds | None = None
    new: dict[str, Figures] = Field(default_factory=dict[str, Figures])
    live: dict[str, Figures] = Field(default_factory=dict[str, Figures])


class Receipt(_Model):
    """What a release or a rollback did."""

    id: str = Field(pattern=_ID)
    stack: str = Field(pattern=_STACK)
    kind: Literal["release", "rollback"]
    who: str
    started: Utc
    ended: Utc
    outcome: Outcome
    reason: str = ""
    services: tuple[ServiceChange, ...]
    plan_hash: str
    steps: tuple[Step, ...] = ()
    canary: Canary | None = None
    watch: Watch | None = None
    prober: ProbeReport | None = None

    @model_validator(mode="after")
    def _a_rollback_releases_nothing(self) -> Self:
        if self.kind == "rollback" and self.outcome is Outcome.RELEASED:
            raise ValueError("a rollback that succeeded is rolled-back, not released")
        return self

    @property
    def seconds(self) -> float:
        """How long it took, the watch window included; 0 when the clock was set back meanwhile."""
        return max(0.0, (self.ended - self.started).total_seconds())


class Receipts(NamedTuple):
    """The receipts of a stack, newest first, and a line for each file that is damaged."""

    receipts: list[Receipt]
    damaged: list[str]


def new_id(now: datetime | None = None) -> str:
    """An id that sorts by time: UTC to the millisecond, and six random hexadecimal digits."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    milliseconds = moment.microsecond // 1000
    return f"{moment:%Y%m%dT%H%M%S}.{milliseconds:03d}Z-{secrets.token_hex(3)}"


def who(environment: Mapping[str, str] = os.environ) -> str:
    """Who releases: the actor of a workflow, or this machine's user."""
    return environment.get("GITHUB_ACTOR") or f"{getpass.getuser()}@{socket.gethostname()}"


def write(folder: Path, receipt: Receipt) -> Path:
    """Write a receipt below `folder`, with its summary as `.md` beside it; its path.

    Whenever the machine stops, there is the whole file, or the former one, or none.
    Raises `OSError`.
    """
    # Its name has dots: `with_suffix` would cut one off.
    place = folder / receipt.stack
    place.mkdir(parents=True, exist_ok=True)
    text = "\n".join([f"# {receipt.kind} {receipt.id}", "", *_markdown(receipt), ""])
    _write(place / f"{receipt.id}.md", text)
    file = place / f"{receipt.id}.json"
    _write(file, receipt.model_dump_json(indent=2) + "\n")
    return file


def read(folder: Path, stack: str, identity: str) -> Receipt:
    """One receipt. Raises `OSError` without one, and `ValueError` when it is damaged."""
    return _read(folder / stack / f"{identity}.json")


def read_all(folder: Path, stack: str) -> Receipts:
    """All receipts of a stack; a damaged file hides no other."""
    found = Receipts([], [])
    for file in sorted((folder / stack).glob("*.json"), reverse=True):
        try:
            found.receipts.append(_read(file))
        except (OSError, ValueError) as error:
            found.damaged.append(f"{stack}/{file.name}: {_words(error)}")
    return found


def summary(receipt: Receipt) -> list[str]:
    """The receipt in short lines of plain text."""
    lines = [
        f"{receipt.kind} of {receipt.stack} by {receipt.who}: {receipt.outcome}"
        + (f" ({receipt.reason})" if receipt.reason else ""),
        f"{receipt.started:%Y-%m-%d %H:%M:%S} UTC, {receipt.seconds:.1f} s, plan "
        + receipt.plan_hash[:12],
    ]
    lines += [_change(change) for change in receipt.services]
    lines += [f"{step.name}: {step.outcome}, {step.seconds:.1f} s" for step in receipt.steps]
    if receipt.canary:
        lines += _canary(receipt.canary)
    if receipt.watch:
        lines += _watch(receipt.watch)
    if receipt.prober:
        lines += _prober(receipt.prober)
    return lines


def _markdown(receipt: Receipt) -> list[str]:
    return [f"- {line}" for line in summary(receipt)]


def _change(change: ServiceChange) -> str:
    before = f"{_tag(change.image_before)} ({change.slot_before or 'no slot'})"
    return (
        f"{change.service}: {before} -> "
        f"{_tag(change.image_after)} ({change.slot_after or 'no slot'})"
    )


def _tag(image: str | None) -> str:
    if image is None:
        return "nothing"
    return image.partition("@")[0].rpartition("/")[2].rpartition(":")[2]


def _canary(canary: Canary) -> list[str]:
    lines = [
        f"canary of {canary.percent} %, {canary.seconds:.0f} s: "
        + ("breached" if canary.breaches else "no breach")
    ]
    lines += [
        f"canary: {service}: {_figures(new)}; live: {_figures(canary.live[service])}"
        for service, new in canary.new.items()
    ]
    lines += [f"canary: {breach}" for breach in canary.breaches]
    if canary.taken_back_seconds is not None:
        lines.append(f"share taken back within {canary.taken_back_seconds:.1f} s")
    return lines


def _figures(figures: Figures) -> str:
    p95 = "-" if figures.p95_ms is None else f"{figures.p95_ms:.0f} ms"
    return f"{figures.requests} requests, {figures.failed} failed, p95 {p95}"


def _watch(watch: Watch) -> list[str]:
    if not watch.breaches:
        return [f"watched {watch.seconds:.0f} s: no breach"]
    lines = [f"watch: {breach}" for breach in watch.breaches]
    if watch.detected_seconds is not None:
        lines.append(f"detected after {watch.detected_seconds:.1f} s")
    if watch.rolled_back_seconds is not None:
        lines.append(f"rolled back within {watch.rolled_back_seconds:.1f} s")
    return lines


def _prober(report: ProbeReport) -> list[str]:
    line = f"requests: {report.sent} sent, {report.failed} failed"
    if report.p50_ms is not None and report.p99_ms is not None:
        line += f", p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms"
    lines = [line]
    for name, failure in (("first", report.first_failure), ("last", report.last_failure)):
        if failure:
            at = f"{failure.at:%H:%M:%S.%f}"[:-3]
            lines.append(f"{name} failure: {at} {failure.host} {failure.kind}: {failure.reason}")
    if report.broken:
        lines.append(f"the prober stopped early: {report.broken}")
    return lines


def _read(file: Path) -> Receipt:
    receipt = Receipt.model_validate_json(file.read_bytes())
    if (receipt.stack, f"{receipt.id}.json") != (file.parent.name, file.name):
        raise ValueError(f"is the receipt {receipt.stack}/{receipt.id}")
    return receipt


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        return f"{where}: {problem['msg']}" if where else problem["msg"]
    return str(error)


def _write(file: Path, text: str) -> None:
    temporary = file.parent / f".{file.name}.{secrets.token_hex(3)}"
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    # The rename itself is on the disk only with its folder.
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
