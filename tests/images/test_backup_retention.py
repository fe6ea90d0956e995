"""What retention lets go: in the bucket, in its copy, and of what came back from the copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from images.backup.agent.repository import Repository
from images.backup.agent.retention import expired, lapsed
from images.backup.agent.second_copy import Pair
from images.backup.agent.settings import Settings
from images.backup.agent.snapshot import Snapshot

START = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
CHAT = "source:postgres/chat"
DAYS = 30


def made(identity: str, days: float, *tags: str, original: str = "") -> Snapshot:
    when = START - timedelta(days=days)
    return Snapshot(id=identity, time=when, tags=(CHAT, *tags), original=original)


def daily(days: Sequence[float], *, copied: bool = False) -> list[Snapshot]:
    """Backups of these ages, the oldest first."""
    return [
        made(f"copy-{age}" if copied else f"id-{age}", age, original=f"id-{age}" if copied else "")
        for age in sorted(days, reverse=True)
    ]


def ages(snapshots: Sequence[Snapshot]) -> list[int]:
    return [(START - one.time).days for one in snapshots]


def test_what_came_back_stays_until_its_lock_has_ended() -> None:
    found = daily(range(0, 65), copied=True)
    assert ages(expired(found, DAYS)) == [64, 63, 62, 61]
    assert ages(expired(found, DAYS, copy=True)) == list(range(64, 30, -1))
    assert ages(expired(daily(range(0, 35)), DAYS)) == [34, 33, 32, 31]


def test_a_suspect_latest_lets_nothing_go_in_a_copy_either() -> None:
    found = [*daily(range(1, 50), copied=True), made("bad", 0, "suspect", original="x")]
    assert expired(found, DAYS, copy=True) == []


@given(
    st.lists(st.tuples(st.integers(0, 90), st.booleans()), min_size=1, max_size=40, unique=True),
    st.integers(2, 40),
)
def test_a_copy_lets_go_what_the_bucket_does_and_the_last_good_ones_stay(
    backups: list[tuple[int, bool]], days: int
) -> None:
    bucket = [
        made(f"id-{number}", age, *(["suspect"] if suspect else []))
        for number, (age, suspect) in enumerate(sorted(backups, reverse=True))
    ]
    copy = [replace(one, id=f"copy-{one.id}", original=one.id) for one in bucket]
    gone = {one.origin for one in expired(copy, days, copy=True)}
    assert gone == {one.origin for one in expired(bucket, days)}
    good = [one.origin for one in copy if not one.suspect]
    assert not gone & set(good[-7:])


def test_a_dump_is_known_in_a_copy_by_the_id_that_its_record_names() -> None:
    def dump(identity: str, days: float) -> Snapshot:
        when = START - timedelta(days=days)
        tags = ("dump:postgres/chat",)
        return Snapshot(id=f"copy-{identity}", time=when, tags=tags, original=identity)

    found = [
        dump("left", 40), dump("named", 40), made("copy-r", 40, "of:named", original="r"),
        *daily(range(0, 10), copied=True),
    ]  # fmt: skip
    gone = lapsed(found, "postgres/chat", DAYS, copy=True)
    assert [one.origin for one in gone] == ["r", "left"], "forgetting takes r's dump with it"
    assert lapsed(found, "postgres/chat", DAYS) == [], "in the bucket all three are still locked"


def pair(tmp_path: Path) -> Pair:
    settings = Settings(
        repository="s3:http://127.0.0.1:9/b", password_file="", credentials_file="", passfile="",
        host="", port=0, user="", databases=["chat"], work=str(tmp_path),
    )  # fmt: skip
    nobody = Repository(settings, settings.repository)
    days = {"postgres/chat": DAYS}
    return Pair(
        name="copy", bucket=nobody, copy=nobody, days=days, state_days=DAYS, clear=lambda: False
    )


def test_only_what_retention_keeps_for_certain_is_missed_in_the_bucket(tmp_path: Path) -> None:
    held = daily([0, 5, 28.5, 29.5, 35], copied=True)
    assert pair(tmp_path).lost(held, daily([0, 5, 28.5])) == []
    (lost,) = pair(tmp_path).lost(held, daily([0, 28.5, 29.5]))
    assert lost.origin == "id-5"


def test_the_stacks_states_are_kept_and_missed_like_backups(tmp_path: Path) -> None:
    held = [
        Snapshot(id=f"s{age}", time=START - timedelta(days=age), tags=("state", "stack:staging"))
        for age in range(40, -1, -1)
    ]
    assert ages(pair(tmp_path).lapsed(held)) == list(range(40, 30, -1))
    assert ages(pair(tmp_path).lost(held, held[:-1])) == [0]
