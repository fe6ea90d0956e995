"""Continuous archiving: real PostgreSQL and S3 server, killed and cut off, every row counted."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.data.postgres import ARCHIVE_ROLE, BACKUP_ROLE, roles
from tests.images.bench import Bench

# Needs the local cloud's packages and minutes to build them the first time, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]

# As the program sets it, but for a tenth of the time.
SWITCH_SECONDS = 4
OTHER = "uload"
PATIENCE = 60


class ArchiveBench(Bench):
    """The servers with the agent's archiver."""

    def begin(self) -> None:
        """Start everything, and archive."""
        self.start()
        self.empty_bucket()
        self.empty_ledger()
        self.archive()

    def begin_anew(self) -> None:
        """Start with another server, after the volume of the one before was lost."""
        self.postgres.kill()
        self.postgres.wait()
        self.archiver.kill()
        self.archiver.wait()
        shutil.rmtree(self.root / "pg/data")
        for file in (self.root / "work").iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        self.make_data()
        self.start_postgres()
        self.sql("CREATE ROLE chat LOGIN; CREATE DATABASE chat OWNER chat", "postgres")
        self.empty_ledger()
        self.archive()

    def empty_ledger(self) -> None:
        """The roles, and a table of numbers with their times."""
        made = roles({"chat": "one", OTHER: "four", BACKUP_ROLE: "two", ARCHIVE_ROLE: "three"})
        self.sql(made, "postgres")
        ledger = "CREATE TABLE ledger (n bigserial, at timestamptz DEFAULT clock_timestamp())"
        self.sql(ledger)

    def archive(self) -> None:
        """Let the archiver run."""
        self.archiver = self.start_process(*self.command("archive"))

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
        code, told = self.agent("restore", "postgres/chat", "--to", to, "--beside", name)
        assert code == 0, told
        return told

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until something is so."""
        self.until(condition, PATIENCE)

    def segments(self) -> list[Path]:
        """The segments in the bucket."""
        return [file for file in self.objects("archive") if "/wal/" in str(file)]


@pytest.fixture(scope="module")
def bench() -> Generator[ArchiveBench]:
    """A server whose log is archived, with a base backup."""
    with tempfile.TemporaryDirectory(prefix="manacore-archive-") as folder:
        found = ArchiveBench(
            Path(folder),
            options=["max_slot_wal_keep_size=320MB"],
            kinds=frozenset({"postgres"}),
            more={
                "archive_user": ARCHIVE_ROLE,
                "beat_seconds": SWITCH_SECONDS,
                "databases": ["chat", OTHER],
            },
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


def test_a_time_that_the_archive_does_not_reach_is_refused(bench: ArchiveBench) -> None:
    for moment, said in (
        (datetime.now(UTC) + timedelta(hours=1), "the archive ends before"),
        (datetime.now(UTC) - timedelta(days=1), "no base backup ended before"),
    ):
        code, told = bench.agent("restore", "postgres/chat", "--to", moment.isoformat())
        assert code == 1
        assert said in told["error"]
    assert not list((bench.root / "work").glob("restore-*")), "nothing is left"


def proof(bench: ArchiveBench) -> dict[str, Any]:
    """What the proof says of the archive."""
    _, proofs = bench.agent("verify")
    return next(one for one in proofs if one["source"] == "archive")


@contextmanager
def away(bench: ArchiveBench, *files: Path) -> Generator[None]:
    """Without these objects."""
    kept = bench.root / "kept"
    kept.mkdir()
    for file in files:
        file.rename(kept / file.name)
    try:
        yield
    finally:
        for file in files:
            (kept / file.name).rename(file)
        kept.rmdir()


@pytest.fixture
def backed_up(bench: ArchiveBench) -> ArchiveBench:
    """With a backup, and some segments after it."""
    code, told = bench.agent("run")
    assert code == 0, told
    for _ in range(3):
        bench.written()
        bench.archived(datetime.now(UTC))
    return bench


def test_the_archive_is_proven_with_the_backups(backed_up: ArchiveBench) -> None:
    _, moment = backed_up.written()
    backed_up.archived(moment)
    found = proof(backed_up)
    assert found["problems"] == []
    assert found["counted"] == 2000 + len(backed_up.rows())
    assert found["age_hours"] < 0.1
    journal = json.loads((backed_up.root / "work/journal.json").read_text())
    assert journal["proofs"]["archive"]["held"], "as any other source, in metrics and alerts"
    assert not list((backed_up.root / "work").glob("verify-*")), "the throwaway server is gone"


def test_a_segment_that_is_missing_in_the_middle_is_found(backed_up: ArchiveBench) -> None:
    missing = backed_up.segments()[-2]
    with away(backed_up, missing):
        (problem,) = proof(backed_up)["problems"]
    assert "1 segments are missing" in problem
    assert missing.name.partition(".")[0] in problem


def test_an_archive_that_ends_before_it_says_is_found(backed_up: ArchiveBench) -> None:
    backed_up.stop_archive()
    try:
        with away(backed_up, *backed_up.segments()[-2:]):
            (problem,) = proof(backed_up)["problems"]
    finally:
        backed_up.archive()
    assert "the archive ends at" in problem
    assert "was said to reach" in problem


def test_a_base_backup_that_was_cut_short_is_found(backed_up: ArchiveBench) -> None:
    (base,) = (file for file in backed_up.objects("archive") if ".tar.gz" in file.name)
    whole = base.read_bytes()
    # In the middle of a block of rclone's, and between two of them.
    for length in (len(whole) * 6 // 10, 32 + 20 * (65536 + 16)):
        base.write_bytes(whole[:length])
        try:
            (problem,) = proof(backed_up)["problems"]
        finally:
            base.write_bytes(whole)
        assert f"the base backup {base.name.partition('.')[0]} is not whole" in problem


def test_an_archive_of_another_key_is_found(backed_up: ArchiveBench) -> None:
    backed_up.stop_archive()
    backed_up.key = "another-key"
    try:
        # A repository of that key would be told first.
        with away(backed_up, backed_up.root / "s3/backups/config"):
            found = proof(backed_up)["problems"]
    finally:
        backed_up.key = "correct-key"
        backed_up.archive()
    (problem,) = found
    assert problem.startswith("the archive was encrypted with another key")


def test_an_archive_that_is_hours_behind_is_stale(backed_up: ArchiveBench) -> None:
    backed_up.clock, backed_up.skew = timedelta(hours=5), 10**9
    try:
        (problem,) = proof(backed_up)["problems"]
    finally:
        backed_up.clock, backed_up.skew = timedelta(), 300
    assert problem == "stale: what was committed in the last 5.0 hours is not archived"


def test_a_table_that_the_archive_lacks_is_found(bench: ArchiveBench) -> None:
    bench.sql("CREATE TABLE gone (n int)")
    code, told = bench.agent("run")
    assert code == 0, told
    bench.sql("DROP TABLE gone")
    bench.archived(datetime.now(UTC))
    assert proof(bench)["problems"] == ["table public.gone of chat is missing"]


def test_all_databases_come_back_to_one_moment_in_their_places(bench: ArchiveBench) -> None:
    bench.sql("CREATE TABLE notes (n int); INSERT INTO notes VALUES (1)", OTHER)
    before, moment = bench.written()
    bench.sql("INSERT INTO notes VALUES (2)", OTHER)
    after, _ = bench.written()
    bench.archived(datetime.now(UTC))

    code, told = bench.agent("restore", "all", "--to", moment.isoformat())

    assert code == 0, told
    chat, other = told["kept"].split(", ")
    assert before in bench.rows()
    assert after not in bench.rows()
    assert bench.sql("SELECT n FROM notes", OTHER) == "1"
    assert after in bench.rows(chat)
    assert bench.sql("SELECT count(*) FROM notes", other) == "2"
    for owner in ("chat", OTHER):
        facts = "SELECT pg_get_userbyid(datdba), datconnlimit FROM pg_database"
        assert bench.sql(f"{facts} WHERE datname = '{owner}'") == f"{owner}|-1"
    assert datetime.fromisoformat(told["last"].replace(" UTC", "+00:00")) <= moment
    assert not list((bench.root / "work").glob("restore-*")), "nothing is left"


def test_all_databases_come_back_or_none(bench: ArchiveBench) -> None:
    _, moment = bench.written()
    bench.sql("CREATE DATABASE later", "postgres")
    bench.archived(datetime.now(UTC))
    names = bench.sql("SELECT datname FROM pg_database ORDER BY 1")
    bench.more["databases"] = ["chat", OTHER, "later"]
    try:
        code, told = bench.agent("restore", "all", "--to", moment.isoformat())
    finally:
        bench.more["databases"] = ["chat", OTHER]
    assert code == 1
    assert "later did not exist at that time" in told["error"]
    assert bench.sql("SELECT datname FROM pg_database ORDER BY 1") == names


def test_all_without_a_time_or_beside_is_refused(bench: ArchiveBench) -> None:
    for more in ((), ("--snapshot", "aaaa"), ("--to", "latest", "--beside", "look")):
        code, told = bench.agent("restore", "all", *more)
        assert code == 1
        assert "all databases come back to a time" in told["error"]


def test_what_is_in_the_bucket_is_encrypted(bench: ArchiveBench) -> None:
    kinds = {file.name.split(".", 1)[1]: file for file in bench.objects("archive")}
    assert kinds.keys() == {"gz.bin", "tar.gz.bin", "json.bin"}
    assert {file.read_bytes()[:8] for file in kinds.values()} == {b"RCLONE\0\0"}


def test_another_key_reads_nothing_and_adds_nothing(bench: ArchiveBench) -> None:
    bench.stop_archive()
    before = bench.objects("archive")
    bench.key = "another-key"
    bench.archive()
    try:
        bench.wait(lambda: "encrypted with another key" in bench.state["problem"])
        assert "encrypted with another key" in json.dumps(bench.agent("base"))
        code, told = bench.agent("restore", "postgres/chat", "--to", "latest")
        assert (code, "another key" in told["error"]) == (1, True), told
        assert bench.objects("archive") == before
    finally:
        bench.stop_archive()
        bench.key = "correct-key"
        bench.archive()
    bench.archived(datetime.now(UTC))


def test_a_bucket_that_was_away_is_caught_up_and_nothing_is_written_twice(
    bench: ArchiveBench,
) -> None:
    before = {file: file.stat() for file in bench.objects("archive")}
    bench.stop_s3()
    first, _ = bench.written()
    bench.wait(lambda: bool(bench.state["problem"]))
    # Killed, with segments that wait for the bucket.
    bench.archiver.kill()
    bench.archiver.wait()
    bench.archive()
    second, _ = bench.written()
    bench.sql("SELECT pg_switch_wal()")
    bench.wait(lambda: bench.state["waiting"] > 0)
    bench.start_s3()
    bench.archived(datetime.now(UTC))
    assert (bench.state["problem"], bench.state["waiting"]) == ("", 0)

    bench.back("latest", "chat_caught_up")

    assert {first, second} <= set(bench.rows("chat_caught_up"))
    for file, was in before.items():
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == (was.st_mtime_ns, was.st_ino)


def test_no_credential_shows_while_a_base_backup_is_sent(bench: ArchiveBench) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.base)
        seen: set[str] = set()
        while not running.done():
            seen |= {shown(process) for process in Path("/proc").glob("[0-9]*")}
        running.result()
    assert any("rcat" in one for one in seen), "nobody looked while it ran"
    assert any("pg_receivewal" in one for one in seen)
    agents = [one for one in seen if str(bench.root) in one and "versitygw" not in one]
    assert not [one for one in agents if bench.secret in one or bench.key in one]


def shown(process: Path) -> str:
    """Arguments and variables of a process, as far as it is still there."""
    try:
        return (process / "cmdline").read_text() + (process / "environ").read_text()
    except OSError:
        return ""


def test_what_is_lost_with_the_server_is_less_than_a_minute_and_a_crash_loses_nothing(
    bench: ArchiveBench,
) -> None:
    (bench.root / "load.sql").write_text("INSERT INTO ledger DEFAULT VALUES;\n")
    (bench.root / "told.sql").write_text(
        "INSERT INTO ledger DEFAULT VALUES RETURNING n \\watch 0.01\n"
    )
    load = ["pgbench", "-n", "-c", "4", "-R", "200", "-T", "600", "-f", f"{bench.root}/load.sql"]
    bench.start_process(*load, "-h", f"{bench.root}/pg", "-U", "postgres", "chat")
    bench.start_process("psql", *bench.psql_options, "-d", "chat", "-f", f"{bench.root}/told.sql")
    begun = datetime.now(UTC)
    bench.archived(begun + timedelta(seconds=SWITCH_SECONDS))

    # All at once, as when the machine goes: nothing can be sent any more.
    bench.postgres.kill()
    failed = time.time()
    bench.archiver.kill()
    bench.archiver.wait()
    bench.postgres.wait()
    told = [int(n) for n in (bench.root / "psql.log").read_text().split() if n.isdecimal()]
    bench.start_postgres()

    assert len(told) > 100
    assert set(told) <= set(bench.rows()), "the server itself has all that it confirmed"
    bench.back("latest", "chat_lost")
    last = float(bench.sql("SELECT extract(epoch FROM max(at)) FROM ledger", "chat_lost"))
    assert failed - last < SWITCH_SECONDS + 10
    assert len(bench.rows("chat_lost")) > 100
    bench.archive()
    bench.archived(datetime.now(UTC))


def test_an_archiver_that_was_away_too_long_begins_anew_and_says_so(bench: ArchiveBench) -> None:
    row, moment = bench.written()
    bench.archived(datetime.now(UTC))
    since = bench.state["since"]
    bench.stop_archive()
    for _ in range(24):
        bench.sql("SELECT pg_switch_wal(); INSERT INTO ledger DEFAULT VALUES; CHECKPOINT")
    assert bench.sql("SELECT wal_status FROM pg_replication_slots") == "lost"
    bench.archive()
    bench.wait(lambda: bench.state["since"] > since)
    bench.base()
    later, _ = bench.written()
    bench.archived(datetime.now(UTC))

    bench.back("latest", "chat_anew")
    assert later in bench.rows("chat_anew")
    # What was archived before the gap is still there to go back to.
    bench.back(moment, "chat_before_the_gap")
    assert row in bench.rows("chat_before_the_gap")
    assert later not in bench.rows("chat_before_the_gap")


def test_of_a_lost_volume_comes_back_what_was_archived_last(bench: ArchiveBench) -> None:
    bench.written()
    row, moment = bench.written()
    bench.archived(datetime.now(UTC))
    assert bench.agent("archived") == (0, bench.state)
    bench.begin_anew()
    lost = datetime.now(UTC)
    bench.wait(lambda: bool(bench.state))

    # Nobody knows to the second when it was lost: any time before the new one's base backup.
    for to in (lost, moment):
        bench.back(to, "chat_before")
        assert row in bench.rows("chat_before")
        bench.sql("DROP DATABASE chat_before", "postgres")

    bench.base()
    bench.back(lost, "chat_before")
    assert row in bench.rows("chat_before")
    bench.back("latest", "chat_now")
    assert bench.rows("chat_now") == [], "the new server's own"
    code, told = bench.agent("restore", "postgres/chat", "--to", "2126-01-01T00:00:00Z")
    assert code == 1
    assert "the archive ends before" in told["error"], "it lives, and will reach so far"
