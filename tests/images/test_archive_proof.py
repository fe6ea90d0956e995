"""What a proof of the archive looks at before it recovers anything, and how it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from images.backup.agent import archive_proof, serve, tasks
from images.backup.agent.archived import Archived
from images.backup.agent.proof import Proof
from images.backup.agent.receiver import gaps
from images.backup.agent.serve import Scheduler
from images.backup.agent.settings import Settings

NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
SEGMENT = 16 * 1024 * 1024
FIRST, SECOND = "0000000100000000000000FE", "0000000100000000000000FF"
# The last of 4 GiB is followed by the first of the next.
THIRD = "000000010000000100000000"


def settings(work: Path) -> Settings:
    return Settings(
        repository="s3:http://127.0.0.1:9/b", password_file="", credentials_file="", passfile="",
        host="", port=0, user="", databases=["chat"], work=str(work), archive_user="archiver",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ([FIRST, SECOND, THIRD], []),
        ([FIRST, THIRD], [SECOND]),
        ([SECOND, THIRD], [FIRST]),
        ([THIRD], [FIRST, SECOND]),
        ([], [FIRST]),
        # Another timeline goes on with the same segment.
        ([FIRST, SECOND, SECOND.replace("1", "2", 1), THIRD.replace("1", "2", 1)], []),
    ],
)
def test_missing_segments_are_named(there: list[str], missing: list[str]) -> None:
    assert gaps(FIRST, there, SEGMENT) == missing


@pytest.mark.parametrize("said", [None, Archived(cluster="7", since=NOW)])
def test_an_archive_that_never_began_is_not_proven(tmp_path: Path, said: Archived | None) -> None:
    if said:
        said.write(str(tmp_path))
    found = archive_proof.prove(settings(tmp_path), {}, NOW)
    assert (found.source, found.problems) == ("archive", ["nothing of the log is archived yet"])


def test_its_proof_is_in_the_metrics_as_a_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs = [Proof(source="postgres/chat"), Proof(source="archive", problems=["a gap"])]

    def verify(*_: object) -> list[Proof]:
        return proofs

    monkeypatch.setattr(tasks, "verify", verify)
    told = settings(tmp_path)
    tasks.prove(told, NOW)
    _, _, text = serve.answer(Scheduler(settings=told, jobs=[]), "/metrics")
    assert 'manacore_verify_ok{source="archive"} 0.0' in text
    assert "manacore_verify_last_success_timestamp_seconds" not in text
