"""The bucket, asked by a restic that tells what it was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.failures import OpsError
from ops.state.bucket import Bucket

BUCKET = Bucket(
    repository="s3:https://account.example/backups",
    key_id="the-key-id",
    key_secret="the-key-secret",
    password="the-password",
)
LISTED = """[
 {"id": "bbbb", "time": "2026-11-25T20:00:00.123456789Z", "tags": ["state"]},
 {"id": "aaaa", "time": "2026-11-24T20:00:00Z", "tags": ["state"]}]"""


@pytest.fixture
def restic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has a `restic`, to be written, and nothing else is found."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    return tmp_path


def script(folder: Path, text: str) -> None:
    file = folder / "restic"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_documents_are_listed_the_oldest_first(restic: Path) -> None:
    script(restic, f"cat <<'END'\n{LISTED}\nEND")
    assert [one.id for one in BUCKET.kept()] == ["aaaa", "bbbb"]


def test_no_secret_is_in_arguments_or_variables_and_no_file_is_left(restic: Path) -> None:
    script(
        restic,
        f"""{{ echo "$@"; env; }} > {restic}/told
echo "$RESTIC_PASSWORD_FILE" > {restic}/where
cat "$RESTIC_PASSWORD_FILE" "$AWS_SHARED_CREDENTIALS_FILE"
stat -c %a "$(dirname "$RESTIC_PASSWORD_FILE")\"""",
    )
    said = BUCKET.read("bbbb")
    assert "the-password" in said
    assert "aws_secret_access_key = the-key-secret" in said
    assert said.endswith("700\n")
    told = (restic / "told").read_text()
    assert "dump bbbb /stack.json" in told
    assert "the-" not in told
    assert "somebody-else" not in told, "a person's own credentials would go first"
    assert not Path((restic / "where").read_text().strip()).exists()


def test_without_restic_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpsError, match="apt install restic"):
        BUCKET.kept()


def test_a_bucket_that_refuses_is_named_with_the_reason(restic: Path) -> None:
    script(restic, "echo 'Fatal: wrong password or no key found' >&2; exit 12")
    with pytest.raises(OpsError) as error:
        BUCKET.read("bbbb")
    assert "wrong password" in str(error.value)
    assert BUCKET.repository in str(error.value)
