"""Continuous archiving: real PostgreSQL and S3 server, killed and cut off, and every row counted."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.data.postgres import ARCHIVE_ROLE
from tests.images.bench import BUCKET, Bench

# Needs the local cloud's packages and minutes to build them the first time, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]

# As the program sets it, but for a tenth of the time.
SWITCH_SECONDS = 4
PATIENCE = 60


class ArchiveBench(Bench):
    """The servers with the agent's archiver."""

    def begin(self) -> None:
        """Start everything, and archive."""
        self.start()
        self.empty_bucket()
        role = f'CREATE ROLE "{ARCHIVE_ROLE}" LOGIN REPLICATION'
        ledger = "CREATE TABLE ledger (n bigserial, at timestamptz DEFAULT clock_timestamp())"
        self.sql(f"{role}; {ledger}")
        self.archive()

    def archive(self) -> None:
        """Let the archiver run."""
        command = ["python3", "-m", "agent", "--settings", self._settings(), "archive"]
        self.archiver = self._start(*command)

    def stop_archive(self) -> None:
        """Ask the archiver to end; it must, and at once."""
        self.archiver.terminate()
        assert self.archiver.wait(20) == 0

    def written(self) -> tuple[int, datetime]:
        """Write a row into the ledger; its number, and a time after it was committed."""
        number = int(self.sql("INSERT INTO ledger DEFAULT VALUES RETURNING n"))
        return number, datetime.now(UTC)

    def rows(self, database: str = "chat") -> list[int]:
        """The numbers in the ledger."""
        return [int(n) for n in self.sql("SELECT n FROM ledger ORDER BY n", database).split()]

    @property
    def state(self) -> dict[str, Any]:
        """What the archiver says of itself."""
        try:
            return json.loads((self.root / "work/archived.json").read_text())
        except FileNotFoundError:
            return {}

    def archived(self, moment: datetime) -> None:
        """Wait until what was committed before a moment is in the bucket."""
        self.wait(lambda: (self.state.get("until") or "") > moment.isoformat())

    def base(self) -> None:
        """Take a base backup, and wait until the log of its time is there."""
        code, told = self.agent("base")
        assert code == 0, told
        self.archived(datetime.now(UTC))

    def back(self, moment: datetime | str, name: str) -> dict[str, Any]:
        """A copy of the database as at a moment."""
        to = moment if isinstance(moment, str) else moment.isoformat()
        code, told = self.agent("restore", "chat", "--to", to, "--beside", name)
        assert code == 0, told
        return told

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (self.state, self.logs())
            time.sleep(0.1)

    def logs(self) -> str:
        """What was said last."""
        return "".join(f.read_text()[-1500:] for f in self.root.glob("*.log"))

    def segments(self) -> list[Path]:
        """The segments in the bucket."""
        return [file for file in self.objects("archive") if "/wal/" in str(file)]


@pytest.fixture(scope="module")
def bench() -> Generator[ArchiveBench]:
    """A server whose log is archived, with a base backup."""
    with tempfile.TemporaryDirectory(prefix="manacore-archive-") as folder:
        found = ArchiveBench(
            Path(folder),
            options=[f"archive_timeout={SWITCH_SECONDS}", "max_slot_wal_keep_size=64MB"],
            more={"archive_user": ARCHIVE_ROLE, "beat_seconds": 1},
        )
        try:
            found.begin()
            found.wait(lambda: bool(found.state))
            found.base()
            yield found
        finally:
            found.close()


def test_a_database_comes_back_as_it_was_at_a_time_to_the_row(bench: ArchiveBench) -> None:
    before, moment = bench.written()
    after, _ = bench.written()
    bench.archived(datetime.now(UTC))

    told = bench.back(moment, "chat_then")

    rows = bench.rows("chat_then")
    assert before in rows
    assert after not in rows
    assert datetime.fromisoformat(told["last"].replace(" UTC", "+00:00")) <= moment
    assert {before, after} <= set(bench.rows()), "nothing was replaced"
