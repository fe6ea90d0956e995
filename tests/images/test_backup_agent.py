"""Backups are proven: real PostgreSQL, restic and S3 server, and every way in which one can lie."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.images.bench import Bench

# Needs the local cloud's packages and minutes to build them the first time, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]


@pytest.fixture(scope="module")
def running() -> Generator[Bench]:
    """Servers for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="manacore-backup-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.start()
            yield bench
        finally:
            bench.close()


@pytest.fixture
def bench(running: Bench) -> Bench:
    """The servers with the same data and an empty bucket."""
    running.key, running.clock, running.skew = "correct-key", timedelta(), 300
    (running.root / "mutant").write_text("")
    for left in running.sql("SELECT datname FROM pg_database WHERE datname ~ '_'").split():
        running.sql(f"DROP DATABASE {left} WITH (FORCE)", "postgres")
    running.empty_bucket()
    running.fill()
    return running


def backed_up(bench: Bench, *more: str) -> dict[str, Any]:
    """A backup that is well."""
    code, results = bench.agent("run", *more)
    assert code == 0, results
    return results[0]


def problems(bench: Bench) -> str:
    """What verify says is wrong; it must say something."""
    code, proofs = bench.agent("verify")
    assert code == 1, proofs
    return json.dumps(proofs)


def test_a_backup_is_proven_by_restoring_it(bench: Bench) -> None:
    made = backed_up(bench)
    assert made["rows"] == 2000
    code, proofs = bench.agent("verify")
    assert (code, proofs[0]["problems"]) == (0, []), proofs
    assert (proofs[0]["rows"], proofs[0]["snapshot"]) == (2000, made["snapshot"])
    assert not list((bench.root / "work").glob("*/data")), "the throwaway server is gone"


def test_deleted_rows_come_back_and_what_was_replaced_is_kept(bench: Bench) -> None:
    backed_up(bench)
    bench.sql("DELETE FROM messages")
    code, told = bench.agent("restore", "chat")
    assert code == 0, told
    assert bench.sql("SELECT count(*) FROM messages") == "1000"
    assert bench.sql("SELECT count(*) FROM messages", told["kept"]) == "0"
    assert (
        bench.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname='chat'") == "chat"
    )


def test_a_copy_beside_leaves_the_database_alone(bench: Bench) -> None:
    backed_up(bench)
    bench.sql("DELETE FROM messages")
    code, told = bench.agent("restore", "chat", "--beside", "chat_copy")
    assert code == 0, told
    assert bench.sql("SELECT count(*) FROM messages") == "0"
    assert bench.sql("SELECT count(*) FROM messages", "chat_copy") == "1000"
    bench.sql("DROP DATABASE chat_copy", "postgres")


def aged(bench: Bench, days: float) -> str:
    """A backup that was made some days ago, when the clocks agreed; its id."""
    bench.clock, bench.skew = -timedelta(days=days), 10**9
    made = backed_up(bench)
    bench.clock, bench.skew = timedelta(), 300
    return made["snapshot"]


def test_an_emptied_database_is_kept_as_suspect_and_lets_no_good_backup_expire(
    bench: Bench,
) -> None:
    good = [aged(bench, 40 - n) for n in range(2)] + [aged(bench, 20 - n) for n in range(7)]
    bench.sql("TRUNCATE messages, rooms")
    code, results = bench.agent("run")
    assert (code, results[0]["problem"]) == (1, "suspect: empty, and had 2000 rows before")
    _, listed = bench.agent("list")
    assert [one["id"] for one in listed] == [*good, results[0]["snapshot"]]
    assert "suspect" in listed[-1]["tags"]
    assert "suspect" in problems(bench)
    bench.agent("restore", "chat")
    assert bench.sql("SELECT count(*) FROM rooms") == "1000", "the last good one is restored"
    # A loss that was meant is accepted; then what is older than the retention may go.
    accepted = backed_up(bench, "--accept", "chat")["snapshot"]
    _, listed = bench.agent("list")
    assert [one["id"] for one in listed] == [*good[2:], results[0]["snapshot"], accepted]


def test_a_loss_of_more_than_half_is_suspect(bench: Bench) -> None:
    backed_up(bench)
    bench.sql("DELETE FROM messages WHERE n > 10; TRUNCATE rooms")
    _, results = bench.agent("run")
    assert results[0]["problem"] == "suspect: 10 rows instead of 2000 before"


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        ("empty", "pg_restore"),
        ("truncated", "pg_restore"),
        ("table", "table public.rooms is missing"),
        ("row", "table public.rooms has 999 rows instead of 1000"),
    ],
)
def test_a_dump_that_lacks_something_is_found(bench: Bench, mutant: str, said: str) -> None:
    (bench.root / "mutant").write_text(mutant)
    assert bench.agent("run")[0] == 0, "the dump itself told of nothing"
    assert said in problems(bench)


def test_a_backup_of_three_days_ago_is_stale(bench: Bench) -> None:
    aged(bench, 3)
    assert "stale: 72 hours old" in problems(bench)


def test_another_key_opens_nothing(bench: Bench) -> None:
    backed_up(bench)
    bench.key = "another-key"
    assert "wrong password" in problems(bench)
    assert "wrong password" in json.dumps(bench.agent("run"))


def test_a_corrupted_pack_is_found(bench: Bench) -> None:
    backed_up(bench)
    for pack in bench.objects("data"):
        content = bytearray(pack.read_bytes())
        content[len(content) // 3] ^= 0xFF
        pack.write_bytes(content)
    assert "failed" in problems(bench)


def test_a_bucket_that_cannot_be_reached_is_an_error(bench: Bench) -> None:
    backed_up(bench)
    bench.stop_s3()
    try:
        assert "the bucket cannot be reached" in problems(bench)
        assert "the bucket cannot be reached" in json.dumps(bench.agent("run"))
    finally:
        bench.start_s3()


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_moved_stores_and_expires_nothing(bench: Bench, hours: int) -> None:
    backed_up(bench)
    bench.clock = timedelta(hours=hours)
    assert "the clock is 7" in json.dumps(bench.agent("run"))
    assert "the clock is 7" in problems(bench)
    bench.clock = timedelta()
    assert len(bench.agent("list")[1]) == 1


def test_no_backup_at_all_is_not_well(bench: Bench) -> None:
    assert "failed" in problems(bench)
