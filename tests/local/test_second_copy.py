"""The second copy on the local cloud: made, proven, and the way back when the bucket is gone."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Generator
from typing import cast

import pytest

from localcloud.credentials import Credentials
from localcloud.home import Home
from localcloud.objects.store import buckets
from tests.local.platform import Answer, Platform, changed_tree, shell

pytestmark = [pytest.mark.local, pytest.mark.full]

BUCKET = "manacore-backups-staging"
# The log's archive is no part of the copy, and another test's.
ARCHIVE = "archive"
CONFIGURED = """\
  manacore:protect: false
  manacore:backup: {copy_to: "sftp://u1@box.example.org/backups", copy_host_key: ssh-ed25519 AAAA}
"""


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """The platform with a second copy."""
    edit = {"Pulumi.staging.yaml": ("  manacore:protect: false\n", CONFIGURED)}
    there = Platform(root=changed_tree(tmp_path_factory.mktemp("tree"), edit))
    there.up()
    yield there
    Platform().up()


def copied(staging: Platform, *more: str) -> dict[str, Answer]:
    """What `backup copy` answers, by repository; all must be well."""
    found = cast("list[Answer]", staging.manacore("backup", "copy", *more))
    assert {one["problem"] for one in found} == {""}
    return {one["copy"]: one for one in found}


def lose_backups() -> None:
    """Empty the bucket, but for the archive."""
    for place in (buckets(Home.from_environment()) / BUCKET).iterdir():
        if place.name != ARCHIVE:
            shutil.rmtree(place) if place.is_dir() else place.unlink()


def identities(staging: Platform) -> list[str]:
    """The backups in the bucket, by the ids that they had first."""
    listed = cast("list[Answer]", staging.manacore("backup", "list"))
    return sorted(one["original"] or one["id"] for one in listed)


def test_a_lost_bucket_is_filled_from_the_copy_and_a_lost_row_comes_back_from_it(
    staging: Platform,
) -> None:
    run = shell(staging.outputs()["servers"]["main"])
    mark = uuid.uuid4()
    marked = f"FROM items WHERE content->>'mark' = '{mark}'"

    def sql(query: str) -> str:
        return run(f'docker exec postgres psql -U postgres -d chat -Atqc "{query}"').strip()

    sql(f"INSERT INTO items (content) VALUES (jsonb_build_object('mark', '{mark}'))")  # noqa: S608
    made = cast("list[Answer]", staging.manacore("backup", "run"))
    first = copied(staging)
    # Of each backup a dump and its record, and the stack's state.
    assert first["copy"]["held"] + first["copy/redis"]["held"] > len(made)
    assert {one["copied"] for one in copied(staging).values()} == {0}
    proven = cast("list[Answer]", staging.manacore("backup", "verify"))
    assert {one["source"] for one in proven} >= {"copy", "copy/redis", "postgres/chat"}
    kept = identities(staging)

    lose_backups()
    sql(f"DELETE {marked}")
    assert "no backup of chat" in staging.refused("restore", "chat", "--yes", "--no-backup")
    back = copied(staging, "--back")
    assert back["copy"]["copied"] == first["copy"]["held"]
    assert identities(staging) == kept
    told = staging.manacore("restore", "chat", "--yes", "--no-backup")

    assert sql(f"SELECT count(*) {marked}") == "1"
    sql(f"DELETE {marked}")
    sql(f"DROP DATABASE {told['kept']} WITH (FORCE)")
    assert staging.preview() == {}


def test_the_copys_key_shows_nowhere(staging: Platform) -> None:
    run = shell(staging.outputs()["servers"]["main"])
    key = Credentials(Home.from_environment().keys).copy_key.read_text()
    # Its last line that is full: every form of it, in one line or many, has that.
    secret = key.splitlines()[-3]
    assert secret in run("sudo cat /srv/manacore/secrets/backup/copy_key")
    shown = {
        "docker inspect": run("docker ps -aq | xargs docker inspect"),
        "log": run("docker logs backup 2>&1"),
        "compose": run("sudo cat /srv/manacore/compose/compose.yaml"),
        "state": str(staging.state()),
    }
    assert [place for place, text in shown.items() if secret in text] == []
