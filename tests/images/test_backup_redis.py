"""Redis is backed up, proven and brought back by a user that may do nothing else, really."""

from __future__ import annotations

import json

import pytest

from tests.images.asking import aged, backed_up, problems
from tests.images.bench import REDIS_PASSWORD, Bench

pytestmark = [pytest.mark.local, pytest.mark.full]


@pytest.fixture(autouse=True)
def redis_alone(bench: Bench) -> None:
    """Nothing else is backed up."""
    bench.kinds = frozenset({"redis"})


def test_all_keys_are_counted_dumped_and_proven_even_those_that_expire_meanwhile(
    bench: Bench,
) -> None:
    bench.redis("-n", "3", "RPUSH", "queue", "a", "b")
    bench.redis("SET", "short", "lived", "PX", "12000")
    made = backed_up(bench)
    assert (made["source"], made["counted"]) == ("redis", 12)
    bench.until(lambda: bench.redis("EXISTS", "short") == "0")
    code, proofs = bench.agent("verify")
    assert (code, proofs[0]["problems"], proofs[0]["counted"]) == (0, [], 12), proofs
    assert not list((bench.root / "work").glob("*/*/socket")), "the throwaway server is gone"


def test_lost_keys_come_back_with_their_types_and_times_while_it_serves(bench: Bench) -> None:
    bench.redis("SET", "session", "of a user", "EX", "900")
    bench.redis("HSET", "cart", "apples", "3")
    bench.redis("-n", "3", "RPUSH", "queue", "a", "b")
    bench.redis("SET", "tab\r\nand line", "binary safe")
    backed_up(bench)
    bench.redis("FLUSHALL")
    bench.redis("SET", "later", "than the backup")
    bench.redis("-n", "5", "SET", "later", "than the backup")
    code, told = bench.agent("restore", "redis")
    assert (code, told) == (0, {"restored": "redis", "kept": ""})
    assert bench.redis("DBSIZE") == "13"
    assert bench.redis("GET", "user:7") == "session 7"
    assert bench.redis("GET", "tab\r\nand line") == "binary safe"
    assert bench.redis("HGET", "cart", "apples") == "3"
    assert bench.redis("-n", "3", "LRANGE", "queue", "0", "-1") == "a\nb"
    assert 800 < int(bench.redis("TTL", "session")) <= 900
    assert bench.redis("TTL", "user:7") == "-1"
    assert "db5" not in bench.redis("INFO", "keyspace"), "nothing is left of what was replaced"
    assert "db15" not in bench.redis("INFO", "keyspace"), "nor of the copy"


def test_a_copy_for_which_there_is_no_room_evicts_nobodys_keys(bench: Bench) -> None:
    backed_up(bench)
    before = bench.redis("CONFIG", "GET", "maxmemory").split()[1]
    used = bench.redis("INFO", "memory").split("used_memory:")[1].split()[0]
    bench.redis("CONFIG", "SET", "maxmemory", str(int(used) + 100_000))
    try:
        code, told = bench.agent("restore", "redis")
    finally:
        bench.redis("CONFIG", "SET", "maxmemory", before)
    assert code == 1
    assert "empty it first" in told["error"]
    assert bench.redis("DBSIZE") == "10"


def test_a_copy_beside_it_is_refused(bench: Bench) -> None:
    backed_up(bench)
    assert "no copy beside" in json.dumps(bench.agent("restore", "redis", "--beside", "copy"))


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        ("empty", "redis-server cannot load the dump"),
        ("truncated", "redis-server cannot load the dump"),
        ("key", "database 0 has 9 keys instead of 10"),
    ],
)
def test_a_dump_that_lacks_something_is_found(bench: Bench, mutant: str, said: str) -> None:
    (bench.root / "mutant").write_text(mutant)
    assert bench.agent("run")[0] == 0, "the dump itself told of nothing"
    (bench.root / "mutant").write_text("")
    assert said in problems(bench)


def test_a_corrupted_pack_is_found(bench: Bench) -> None:
    backed_up(bench)
    bench.corrupt("redis/data")
    assert "failed" in problems(bench)


def test_a_backup_of_three_days_ago_is_stale(bench: Bench) -> None:
    aged(bench, 3)
    assert "stale: 72 hours old" in problems(bench)


def test_it_is_kept_for_seven_days_in_a_place_of_its_own(bench: Bench) -> None:
    old = [aged(bench, 20 - n) for n in range(8)]
    latest = backed_up(bench)["snapshot"]
    _, listed = bench.agent("list")
    # The last seven good ones stay however old they are.
    assert [one["id"] for one in listed] == [*old[2:], latest]
    assert {one["keep_days"] for one in listed} == {7}
    assert len(bench.objects("redis/snapshots")) == 7
    assert bench.objects("snapshots") == []


def test_half_of_the_keys_may_go_and_not_all(bench: Bench) -> None:
    backed_up(bench)
    for number in range(9):
        bench.redis("DEL", f"user:{number}")
    backed_up(bench)
    bench.redis("FLUSHALL")
    _, results = bench.agent("run")
    assert results[0]["problem"] == "suspect: empty, and had 1 keys before"


@pytest.mark.parametrize(
    "forbidden",
    [
        ("GET", "user:7"), ("SET", "user:7", "x"), ("KEYS", "*"), ("FLUSHALL",), ("SHUTDOWN",),
        ("CONFIG", "GET", "requirepass"), ("EVAL", "return 1", "0"), ("ACL", "LIST"),
        ("REPLICAOF", "NO", "ONE"),
    ],
)  # fmt: skip
def test_the_backups_user_may_nothing_that_it_does_not_need(
    bench: Bench, forbidden: tuple[str, ...]
) -> None:
    as_backup = ("--user", "backup-agent", "--pass", REDIS_PASSWORD, "--no-auth-warning")
    assert "NOPERM" in bench.redis(*as_backup, *forbidden)
