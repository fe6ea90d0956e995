"""The bucket of the backups, read from this machine: there may be no server to ask."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from ops.failures import OpsError
from stacks.settings import Settings

# As images/backup/agent/kept.py has them.
_TAG, _FILE = "state", "/stack.json"
# restic asks a bucket that does not answer again and again, for a quarter of an hour.
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A document in the bucket."""

    id: str
    time: datetime


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """restic's repository, and who may read it. Secrets are files for as long as restic runs."""

    repository: str
    key_id: str
    key_secret: str
    password: str

    @classmethod
    def of(cls, settings: Settings) -> Bucket:
        """The bucket that a stack's settings name."""
        held = settings.secrets
        return cls(
            repository=settings.repository,
            key_id=held["BACKUP_S3_KEY_ID"].get_secret_value(),
            key_secret=held["BACKUP_S3_SECRET"].get_secret_value(),
            password=held["BACKUP_PASSWORD"].get_secret_value(),
        )

    def kept(self) -> list[Kept]:
        """All documents, the oldest first; raises `OpsError`."""
        told = self._restic("snapshots", "--json", f"--tag={_TAG}")
        found = [
            Kept(id=str(one["id"]), time=datetime.fromisoformat(str(one["time"])))
            for one in cast("list[dict[str, Any]]", json.loads(told))
        ]
        return sorted(found, key=lambda kept: kept.time)

    def read(self, identity: str) -> str:
        """A document by its id; raises `OpsError`."""
        return self._restic("dump", identity, _FILE)

    def _restic(self, *arguments: str) -> str:
        with _files(self) as variables:
            # Without a lock: credentials that may only read are enough.
            return _output(["restic", "--no-cache", "--no-lock", *arguments], variables)


@contextmanager
def _files(bucket: Bucket) -> Generator[dict[str, str]]:
    """What tells restic who it is, in a private folder that goes."""
    with tempfile.TemporaryDirectory(prefix="manacore-") as folder:
        password, credentials = Path(folder) / "password", Path(folder) / "credentials"
        password.write_text(bucket.password)
        credentials.write_text(
            f"[default]\naws_access_key_id = {bucket.key_id}\n"
            f"aws_secret_access_key = {bucket.key_secret}\n"
        )
        yield {
            "RESTIC_REPOSITORY": bucket.repository,
            "RESTIC_PASSWORD_FILE": str(password),
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        }


def _output(command: Sequence[str], variables: dict[str, str]) -> str:
    # A person's own credentials would go before the file's.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RESTIC_"))}
    try:
        done = subprocess.run(
            list(command),
            env={**inherited, **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise OpsError(
            "restic is not installed; it reads the backups' bucket.",
            ["Debian: apt install restic. Others: https://restic.net"],
        ) from error
    except subprocess.TimeoutExpired as error:
        raise OpsError(
            f"The bucket did not answer within {_PATIENCE_SECONDS} s.", [_which(variables)]
        ) from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-5:]
        raise OpsError("The backups' bucket cannot be read.", [_which(variables), *said])
    return done.stdout


def _which(variables: dict[str, str]) -> str:
    """Which bucket it was, for a person."""
    return f"Bucket: {variables['RESTIC_REPOSITORY']}"
