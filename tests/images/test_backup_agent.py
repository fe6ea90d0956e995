"""Backups are proven: real PostgreSQL, restic and S3 server, and every way in which one can lie."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.images.asking import aged, backed_up, problems
from tests.images.bench import Bench

# Needs the local cloud's packages and minutes to build them the first time, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]


def of_chat(listed: list[dict[str, Any]]) -> list[str]:
    """The ids of the database's snapshots, the oldest first."""
    return [one["id"] for one in listed if one["source"] == "postgres/chat"]


def test_a_backup_is_proven_by_restoring_it(bench: Bench) -> None:
    made = backed_up(bench)
    assert made["counted"] == 2000
    code, proofs = bench.agent("verify")
    assert (code, proofs[0]["problems"]) == (0, []), proofs
    assert (proofs[0]["counted"], proofs[0]["snapshot"]) == (2000, made["snapshot"])
    assert not list((bench.root / "work").glob("*/data")), "the throwaway server is gone"


def test_deleted_rows_come_back_and_what_was_replaced_is_kept(bench: Bench) -> None:
    backed_up(bench)
    bench.sql("DELETE FROM messages")
    code, told = bench.agent("restore", "postgres/chat")
    assert code == 0, told
    assert bench.sql("SELECT count(*) FROM messages") == "1000"
    assert bench.sql("SELECT count(*) FROM messages", told["kept"]) == "0"
    assert (
        bench.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname='chat'") == "chat"
    )


def test_a_copy_beside_leaves_the_database_alone(bench: Bench) -> None:
    backed_up(bench)
    bench.sql("DELETE FROM messages")
    code, told = bench.agent("restore", "postgres/chat", "--beside", "chat_copy")
    assert code == 0, told
    assert bench.sql("SELECT count(*) FROM messages") == "0"
    assert bench.sql("SELECT count(*) FROM messages", "chat_copy") == "1000"
    bench.sql("DROP DATABASE chat_copy", "postgres")


def test_an_emptied_database_is_kept_as_suspect_and_lets_no_good_backup_expire(
    bench: Bench,
) -> None:
    good = [aged(bench, 40 - n) for n in range(2)] + [aged(bench, 20 - n) for n in range(7)]
    bench.sql("TRUNCATE messages, rooms")
    code, results = bench.agent("run")
    assert (code, results[0]["problem"]) == (1, "suspect: empty, and had 2000 rows before")
    _, listed = bench.agent("list")
    assert of_chat(listed) == [*good, results[0]["snapshot"]]
    assert any("suspect" in one["tags"] for one in listed)
    assert "suspect" in problems(bench)
    bench.agent("restore", "postgres/chat")
    assert bench.sql("SELECT count(*) FROM rooms") == "1000", "the last good one is restored"
    # A loss that was meant is accepted; then what is older than the retention may go.
    accepted = backed_up(bench, "--accept", "postgres/chat")["snapshot"]
    _, listed = bench.agent("list")
    assert of_chat(listed) == [*good[2:], results[0]["snapshot"], accepted]


def test_a_loss_of_more_than_half_is_suspect(bench: Bench) -> None:
    backed_up(bench)
    bench.sql("DELETE FROM messages WHERE n > 10; TRUNCATE rooms")
    _, results = bench.agent("run")
    assert results[0]["problem"] == "suspect: 10 rows instead of 2000 before"


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        ("truncated", "pg_restore"),
        ("table", "table public.rooms is missing"),
        ("row", "table public.rooms has 999 rows instead of 1000"),
    ],
)
def test_a_dump_that_lacks_something_is_found(bench: Bench, mutant: str, said: str) -> None:
    (bench.root / "mutant").write_text(mutant)
    assert bench.agent("run")[0] == 0, "the dump itself told of nothing"
    assert said in problems(bench)


@pytest.mark.parametrize(("mutant", "said"), [("empty", "no data"), ("fails", "server is gone")])
def test_a_dump_that_is_empty_or_breaks_off_is_no_backup(
    bench: Bench, mutant: str, said: str
) -> None:
    good = backed_up(bench)["snapshot"]
    (bench.root / "mutant").write_text(mutant)
    code, results = bench.agent("run")
    assert code == 1
    assert said in results[0]["problem"]
    assert results[0]["snapshot"] == ""
    assert of_chat(bench.agent("list")[1]) == [good]


def test_a_dump_whose_backup_was_ended_counts_for_nothing_and_goes_in_time(bench: Bench) -> None:
    aged(bench, 40)
    # What is left when the agent ends before it has said what the dump has.
    stored = sorted(bench.objects("snapshots"), key=lambda file: file.stat().st_mtime_ns)
    dump, record, _ = stored
    record.unlink()
    assert problems(bench).count("there is no backup") == 1
    assert of_chat(bench.agent("list")[1]) == []
    made = backed_up(bench)["snapshot"]
    assert of_chat(bench.agent("list")[1]) == [made]
    assert dump not in bench.objects("snapshots")
    assert len(bench.objects("snapshots")) == 4, "the old roles, and all that is new"


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
    bench.corrupt("data")
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
    assert len(of_chat(bench.agent("list")[1])) == 1


def test_a_volume_without_room_is_told_before_anything_is_copied(
    bench: Bench, small_volume: None
) -> None:
    bench.kinds = frozenset({"postgres", "folder"})
    backed_up(bench)
    code, proofs = bench.agent("verify")
    told = {one["source"]: one["problems"] for one in proofs}
    assert code == 1
    for source in ("postgres/chat", "folder/certificates"):
        assert len(told[source]) == 1, told
        assert "needs" in told[source][0], told
        assert "GiB stay for PostgreSQL" in told[source][0], told
    code, answer = bench.agent("restore", "postgres/chat")
    assert code == 1
    assert answer["error"].startswith("the dump of postgres/chat needs"), answer
    assert bench.sql("SELECT datname FROM pg_database WHERE datname LIKE 'chat_%'") == ""


def test_no_backup_at_all_is_not_well(bench: Bench) -> None:
    assert problems(bench).count("there is no backup") == 2
    assert bench.agent("list") == (0, [])


def test_roles_come_back_in_a_server_that_has_none(bench: Bench) -> None:
    bench.sql("CREATE ROLE auditor NOLOGIN; GRANT auditor TO chat", "postgres")
    bench.sql("ALTER ROLE chat PASSWORD 'hidden'; ALTER ROLE chat SET work_mem = '9MB'", "postgres")
    try:
        backed_up(bench)
        code, proofs = bench.agent("verify")
        assert (code, proofs[1]["source"], proofs[1]["problems"]) == (0, "roles", []), proofs
        code, sql = bench.export("roles")
        assert code == 0
        assert "CREATE ROLE auditor" in sql
        assert "GRANT auditor TO chat" in sql
        assert "PASSWORD" not in sql.upper(), "neither the password nor its digest"
        assert "may not put roles back" in json.dumps(bench.agent("restore", "roles"))
    finally:
        bench.sql("DROP ROLE auditor; ALTER ROLE chat RESET work_mem", "postgres")


def test_a_role_that_a_dump_lacks_is_found(bench: Bench) -> None:
    (bench.root / "mutant").write_text("role")
    assert bench.agent("run")[0] == 0, "the dump itself told of nothing"
    assert "role chat is missing" in problems(bench)


def test_what_is_not_backed_up_is_refused_by_its_name(bench: Bench) -> None:
    assert bench.agent("restore", "postgres/nothing") == (
        1,
        {"error": "postgres/nothing is not backed up"},
    )
