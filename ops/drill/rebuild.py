"""The drill: known rows, a loss, the runbook's commands by the stopwatch, and what came back."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

from catalog import load_catalog
from localcloud.processes import wait_until
from localcloud.steps import Steps
from ops import session, status
from ops.agent import Agent, Snapshot
from ops.drill.loss import lose, refuse_real
from ops.drill.plan import Command, Variant, commands
from ops.drill.report import Report, Timed
from ops.drill.rows import Rows, differing
from ops.failures import OpsError
from ops.release.server import Server
from ops.restore import ALL
from ops.session import Session
from ops.target import ROOT, Target

_BEFORE, _AFTER = 500, 20
# Their connections end when a database is replaced, and health is looked at every few seconds.
_HEALTHY_SECONDS = 180
# It is a minute behind at most, when all is well.
_ARCHIVED_SECONDS = 180
# How those sources of the agent begin that `up` and the archive bring back.
_ROLES, _DATABASES = "roles", "postgres/"
_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
_ADDRESS = "A"
Run = Callable[..., Any]


def manacore(target: Target) -> Run:
    """Runs a command of `./manacore` as a person would; its answer. Raises `OpsError`."""

    def run(*arguments: str) -> Any:  # noqa: ANN401 - a command's JSON
        cloud = ["--local"] if target.is_local else []
        done = subprocess.run(
            [sys.executable, "-m", "ops", *arguments, "--stack", target.stack, *cloud, "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise OpsError(
                f"./manacore {' '.join(arguments)} ended with {done.returncode}.",
                ["It said why above. What is lost comes back by docs/runbooks/rebuild.md."],
            )
        return json.loads(done.stdout)

    return run


@dataclass
class Drill:
    """A drill of one stack of the local cloud."""

    target: Target
    variant: Variant
    steps: Steps
    run: Run
    timed: list[Timed] = field(default_factory=list[Timed])

    def rebuild(self) -> Report:
        """Do all of it. Raises `OpsError` when a step fails; what is lost then stays lost."""
        refuse_real(self.target)
        began = datetime.now(UTC)
        rows, agent = self._rows(), Agent.among(self._outputs, self.target.stack)
        with self._step("a base backup into the archive"):
            agent.ask("base")
        with self._step("known rows are written"):
            written = rows.write(_BEFORE)
        with self._step("backup and state into the bucket"):
            self.run("backup", "run")
            backups = _others(agent.snapshots())
            self.run("state", "keep")
        with self._step("rows after the backup"):
            written += rows.write(_AFTER)
        with self._step("digests of all tables"):
            before, moment = [rows.tables()], rows.now()
            certificate = self._certificate()
        with self._step("until the archive has them"):
            _archived(agent, moment)
        with self._step("rows until the loss"):
            written += rows.write(_AFTER)
            # What was not archived yet may be lost with the volume: nothing may be else.
            before = [*before, rows.tables()] if self.variant.loses_data else [rows.tables()]
            lost_at = rows.now()
        resources = session.resources(self._stack)
        with self._step(f"the loss: {self.variant}"):
            lose(self.variant, self.target, resources)
        since = time.monotonic()
        answers = self._brought_back(backups, lost_at)
        with self._step("until all services are healthy"):
            services = status.awaited(self._stack, seconds=_HEALTHY_SECONDS).services
        rto = time.monotonic() - since
        # Another server answers now, at another address perhaps.
        self.__dict__.pop("_outputs", None)
        rows = self._rows(rows.mark)
        with self._step("proof"):
            after = rows.tables()
            left, newest = rows.count(), rows.newest()
            planned = cast("dict[str, int]", self.run("preview")["changes"])
        report = Report(
            stack=self.target.stack,
            variant=self.variant,
            commit=_commit(),
            began=began,
            steps=self.timed,
            rto_seconds=round(rto, 1),
            rpo_seconds=window(written - left, newest, lost_at),
            rows_written=written,
            rows_lost=written - left,
            rows_compared=sum(table.rows for table in before[0].values()),
            tables_compared=len(before[0]),
            differing=differing(before, after),
            healthy=sum(one.healthy for one in services),
            services=len(services),
            changes={kind: n for kind, n in planned.items() if kind != "same"},
            stray_records=self._stray(),
            same_certificate=self._same(certificate),
        )
        with self._step("the drill's own rows are removed"):
            rows.remove()
            rows.drop(
                [
                    name
                    for one in answers
                    if one.get("kept") and one["restored"] == ALL
                    for name in str(one["kept"]).split(", ")
                ]
            )
        with self._step("a backup without them"):
            # They were most of what a database had: the next backup would be suspect, and alerted.
            accepted = [word for name in rows.databases for word in ("--accept", name)]
            self.run("backup", "run", *accepted)
        return report

    def _brought_back(self, backups: Mapping[str, str], lost: datetime) -> list[Mapping[str, Any]]:
        answers: list[Mapping[str, Any]] = []
        for command in commands(self.variant, backups, lost.isoformat()):
            with self._step(_told(command)):
                answers.append(cast("Mapping[str, Any]", self.run(*command)))
        return answers

    @property
    def _stack(self) -> Any:  # noqa: ANN401 - the Automation API's, opened anew
        return Session(self.target).stack()

    @cached_property
    def _outputs(self) -> dict[str, Any]:
        return session.outputs(self._stack)

    def _rows(self, mark: str = "") -> Rows:
        support = cast("Sequence[Mapping[str, Any]]", self._outputs["services"])
        holder = next(str(one["server"]) for one in support if one["name"] == "postgres")
        return Rows(
            server=Server.of(self._outputs, holder),
            databases=sorted(load_catalog().databases),
            mark=mark or str(uuid.uuid4()),
        )

    def _stray(self) -> list[str]:
        """The names whose address record points to no server of the stack."""
        servers = cast("Mapping[str, Mapping[str, Any]]", self._outputs["servers"])
        addresses = {str(one["ipv4"]) for one in servers.values()}
        records = [
            one["outputs"] for one in session.resources(self._stack) if one["type"] == _RECORD
        ]
        return [
            str(one["name"])
            for one in records
            if one["type"] == _ADDRESS and str(one["content"]) not in addresses
        ]

    def _certificate(self) -> str | None:
        """The digest of the certificate that a public host has; None when nobody answers."""
        url = str(next(iter(self._outputs["urls"].values())))
        address = next(str(one["ipv4"]) for one in self._outputs["servers"].values())
        context = ssl.create_default_context()
        # Compared, not trusted: the local cloud's edge has an authority of its own.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with (
                socket.create_connection((address, 443), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=url.removeprefix("https://")) as secure,
            ):
                held = secure.getpeercert(binary_form=True) or b""
        except OSError:
            return None
        return hashlib.sha256(held).hexdigest()

    def _same(self, before: str | None) -> bool | None:
        now = self._certificate()
        return None if now is None else now == before

    @contextmanager
    def _step(self, name: str) -> Generator[None]:
        begun = time.monotonic()
        with self.steps.step(name):
            yield
        self.timed.append(Timed(name=name, seconds=round(time.monotonic() - begun, 1)))


def _others(snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """The newest backup that is not suspect of each source but databases and their roles."""
    return {
        one.source: one.id
        for one in snapshots
        if not one.source.startswith((_ROLES, _DATABASES)) and not one.suspect
    }


def _archived(agent: Agent, moment: datetime) -> None:
    """Wait until what was committed by a moment is in the archive; raises `OpsError`."""

    def reached() -> bool:
        until = agent.archived()
        return until is not None and until > moment

    if not wait_until(reached, _ARCHIVED_SECONDS, every=1):
        raise OpsError(
            f"After {_ARCHIVED_SECONDS} s the archive reaches {agent.archived() or 'nowhere'}.",
            ["docker logs backup, on the server, says why."],
        )


def window(lost: int, newest: datetime | None, lost_at: datetime) -> float | None:
    """Seconds of writes that are lost, by the database's own clock; None when no row is left."""
    if not lost:
        return 0.0
    if newest is None:
        return None
    return round((lost_at - newest).total_seconds(), 1)


def _told(command: Command) -> str:
    if command[0] == "restore":
        return f"./manacore restore {command[1]}"
    return f"./manacore {' '.join(command)}"


def _commit() -> str:
    """What the tree is at, and whether it has more than that; a copy without git has none."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "unknown"
    return told.stdout.strip() or "unknown"
