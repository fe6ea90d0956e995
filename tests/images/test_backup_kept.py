"""A stack's state: kept by the agent, and read back by restic without any agent."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest

from bench.servers import BUCKET
from ops.failures import OpsError
from ops.state.bucket import Bucket
from ops.state.document import Document
from tests.images.bench import Bench

pytestmark = [pytest.mark.local, pytest.mark.full]

DOCUMENT = Document(
    stack="staging",
    version=3,
    state={"resources": [{"urn": "urn:ä", "type": "x"}]},
    files={"releases/staging.yaml": "chat-web: {live: blue}\n"},
)


@pytest.fixture(scope="module")
def bench() -> Generator[Bench]:
    """PostgreSQL, an S3 server, and a bucket with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="manacore-backup-") as folder:
        found = Bench(Path(folder))
        try:
            found.start()
            found.empty_bucket()
            found.fill()
            yield found
        finally:
            found.close()


@pytest.fixture
def bucket(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket as a person reaches it, with the restic that the agent has."""
    monkeypatch.setenv("PATH", f"{bench.path}:{os.environ['PATH']}")
    return Bucket(
        repository=f"s3:http://127.0.0.1:{bench.s3_port}/{BUCKET}",
        key_id="backup",
        key_secret=bench.secret,
        password="correct-key",
    )


def test_what_was_kept_is_read_back_and_the_newest_is_the_last(
    bench: Bench, bucket: Bucket
) -> None:
    code, told = bench.agent("keep", stdin=DOCUMENT.text)
    assert code == 0, told
    (kept,) = bucket.kept()
    assert kept.id == told["snapshot"], "the first one makes the repository"
    assert Document.read(bucket.read(kept.id)) == DOCUMENT
    bench.clock = timedelta(minutes=1)
    _, second = bench.agent("keep", stdin=DOCUMENT.text)
    assert [one.id for one in bucket.kept()] == [kept.id, second["snapshot"]]
    bench.clock = timedelta()


def test_it_waits_for_no_backup_and_is_none(bench: Bench, bucket: Bucket) -> None:
    with (bench.root / "work" / "lock").open("a") as lock:
        os.chown(lock.fileno(), *bench.ids)
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, told = bench.agent("keep", stdin=DOCUMENT.text)
        assert code == 0, told
    code, results = bench.agent("run")
    assert code == 0, results
    code, proofs = bench.agent("verify")
    assert code == 0, proofs
    assert {one["source"] for one in proofs} == {one["source"] for one in results}, (
        "a state is none"
    )
    assert told["snapshot"] in [one.id for one in bucket.kept()]
    assert results[0]["snapshot"] not in [one.id for one in bucket.kept()]


def test_old_ones_go_but_the_last_ones_stay(bench: Bench, bucket: Bucket) -> None:
    bench.empty_bucket()
    for days in range(-40, -30):
        bench.clock = timedelta(days=days)
        assert bench.agent("keep", stdin=DOCUMENT.text)[0] == 0
    bench.clock = timedelta()
    assert bench.agent("keep", stdin=DOCUMENT.text)[0] == 0
    assert len(bucket.kept()) == 7


@pytest.mark.parametrize("text", ["no JSON", "[1]", '{"stack": "staging"}'])
def test_anything_else_is_not_kept(bench: Bench, text: str) -> None:
    code, told = bench.agent("keep", stdin=text)
    assert code == 1
    assert "document" in told["error"]


def test_another_password_reads_nothing(bench: Bench, bucket: Bucket) -> None:
    bench.agent("keep", stdin=DOCUMENT.text)
    wrong = Bucket(**{**vars(bucket), "password": "another"})
    with pytest.raises(OpsError, match="cannot be read"):
        wrong.kept()
