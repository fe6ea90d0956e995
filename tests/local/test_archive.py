"""The archive on the local cloud: what is written is in the bucket in a minute, and comes back."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest

from localcloud.processes import wait_until
from tests.local.platform import Platform, Remote, shell

pytestmark = [pytest.mark.local, pytest.mark.full]

STAGING = Platform()
ARCHIVED = "/mnt/data/backup-work/archived.json"


def test_a_row_that_was_deleted_comes_back_as_at_the_time_before() -> None:
    STAGING.up()
    run = shell(STAGING.outputs()["servers"]["main"])

    def sql(query: str, database: str = "chat") -> str:
        done = run(f'docker exec postgres psql -U postgres -d {database} -Atqc "{query}"')
        return done.strip()

    def until() -> datetime:
        told = json.loads(run(f"sudo cat {ARCHIVED}"))["until"]
        return datetime.fromisoformat(told) if told else datetime.min.replace(tzinfo=UTC)

    mark = uuid.uuid4()
    marked = f"FROM items WHERE content->>'mark' = '{mark}'"
    assert based(run), run("docker logs --tail 30 backup 2>&1")
    sql(f"INSERT INTO items (content) VALUES (jsonb_build_object('mark', '{mark}'))")  # noqa: S608
    before = datetime.fromisoformat(sql("SELECT clock_timestamp()") + ":00")
    sql(f"DELETE {marked}")
    begun = datetime.now(UTC)
    assert wait_until(lambda: until() > before, timeout=60, every=1), "a minute is the promise"
    assert wait_until(lambda: until() > begun, timeout=120, every=1)

    told = STAGING.manacore("restore", "chat", "--to", before.isoformat(), "--beside", "chat_then")

    assert told["kept"] == ""
    assert (sql(f"SELECT count(*) {marked}"), sql(f"SELECT count(*) {marked}", "chat_then")) == (
        "0",
        "1",
    )
    sql("DROP DATABASE chat_then", "postgres")


def based(run: Remote) -> bool:
    """Whether there is a base backup by now: the agent takes the first at once."""

    def taken() -> bool:
        return bool(json.loads(run("sudo cat /mnt/data/backup-work/journal.json"))["based_at"])

    return wait_until(taken, timeout=180, every=2)
