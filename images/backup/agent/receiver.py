"""PostgreSQL's own receiver of the write-ahead log, which the server keeps until it was received.

The server remembers by a replication slot what was received, and keeps no more for it than its
`max_slot_wal_keep_size`: a receiver that is away for long makes a gap, and never fills the disk.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .archive import PACKED
from .process import AgentError, Programs
from .settings import Settings

SLOT = "archive"
_SEGMENT_LENGTH = 24
_END_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The server whose log is received, as a role that may do that and nothing else."""

    settings: Settings

    @property
    def programs(self) -> Programs:
        """They find the role's password in PostgreSQL's password file."""
        return Programs({"PGPASSFILE": self.settings.passfile})

    @property
    def options(self) -> list[str]:
        """How clients reach it; they never ask for a password."""
        told = self.settings
        return ["-w", "-h", told.host, "-p", str(told.port), "-U", told.archive_user]

    def identity(self) -> str:
        """The system identifier: another one for each server that was ever made anew."""
        answer = self.query("IDENTIFY_SYSTEM", "dbname=postgres replication=true")
        return answer.split("|")[0]

    def beat(self) -> int:
        """Write a mark into the log and end the segment; returns where the mark is, in bytes.

        The server's own `archive_timeout` is none for that: after a crash it does not count until
        the next checkpoint is due, which is five minutes.
        """
        where = "pg_logical_emit_message(true, 'manacore', 'beat') - '0/0'::pg_lsn"
        return int(self.query(f"SELECT ({where})::bigint; SELECT pg_switch_wal()").split()[0])

    def segment(self) -> str:
        """The name of the segment that is written now."""
        return self.query("SELECT pg_walfile_name(pg_current_wal_lsn())")

    def segment_size(self) -> int:
        """In bytes."""
        asked = "SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"
        return int(self.query(asked))

    def slot(self) -> str:
        """The slot's state: `lost` when the server could not wait, empty when there is none."""
        asked = f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{SLOT}'"  # noqa: S608
        return self.query(asked)

    def free_slot(self) -> None:
        """End a receiver that nobody looks after any more, as its archiver was killed."""
        self.query(
            "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots "  # noqa: S608
            f"WHERE slot_name = '{SLOT}' AND active"
        )

    def make_slot(self) -> None:
        """Let the server keep its log from now on; a slot that is lost is dropped before."""
        command = ["pg_receivewal", *self.options, f"--slot={SLOT}"]
        if self.slot():
            self.programs.run([*command, "--drop-slot"])
        self.programs.run([*command, "--create-slot"])

    @contextmanager
    def receiving(self, folder: Path, log: IO[str]) -> Generator[subprocess.Popen[bytes]]:
        """Receive into a folder; on leaving, what was received is complete or `.partial`."""
        command = [
            "pg_receivewal", *self.options, f"--slot={SLOT}", f"--directory={folder}",
            "--compress=gzip:1", "--no-loop",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=self.programs.environment,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(_END_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()  # what it has not confirmed, the server keeps

    def query(self, text: str, database: str = "postgres") -> str:
        """What a query answers; raises `AgentError`."""
        command = ["psql", *self.options, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database]
        return self.programs.run(command, stdin=f"{text};", seconds=60).strip()


def received(folder: Path) -> list[str]:
    """The segments in a folder that are complete, in order."""
    names = (file.name.removesuffix(PACKED) for file in folder.glob(f"*{PACKED}"))
    return sorted(name for name in names if len(name) == _SEGMENT_LENGTH)


def end_of(segment: str, size: int) -> int:
    """Where a segment of `size` bytes ends in the log, in bytes."""
    high, low = int(segment[8:16], 16), int(segment[16:24], 16)
    return (high << 32) + (low + 1) * size


def gaps(first: str, segments: Sequence[str], size: int) -> list[str]:
    """The segments of `size` bytes that are missing from `first` to the last of these."""
    timeline, numbers = first[:8], {end_of(one, size) // size for one in segments}
    begin = end_of(first, size) // size
    missing = sorted(set(range(begin, max(numbers, default=begin) + 1)) - numbers)
    return [_named(timeline, number - 1, size) for number in missing]


def _named(timeline: str, number: int, size: int) -> str:
    """The name of the log's segment of that number, counted from 0."""
    of_4_gib = (1 << 32) // size
    return f"{timeline}{number // of_4_gib:08X}{number % of_4_gib:08X}"


def mislaid(error: str) -> AgentError:
    """What the receiver said before it ended."""
    return AgentError(f"the log is not received: {error or 'the receiver ended'}")
