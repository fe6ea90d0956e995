"""What cosign is asked, and what is told of its answers; with a program in its place."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi.automation import ConfigValue

from catalog import load_catalog
from ops.failures import OpsError
from ops.release import signatures
from ops.release.digests import Login
from ops.release.signatures import Signatures, UnsignedImagesError
from ops.release.site import Site

KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
GOOD, BAD, LATE = (f"ghcr.io/wuesteon/{n}:1@sha256:{'0' * 64}" for n in ("good", "bad", "late"))
COSIGN = """\
#!/bin/sh
for image; do :; done
echo "$@" >>"$RECORD"
cat "$DOCKER_CONFIG/config.json" >"$RECORD.login"
cat "$3" >"$RECORD.key"
case $image in
  *bad*) echo "WARNING: something" >&2; echo "Error: no signatures found" >&2; exit 10 ;;
  *late*) exec sleep 30 ;;
esac
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a cosign first on PATH; the file that it writes its arguments into."""
    program = tmp_path / "bin" / "cosign"
    program.parent.mkdir()
    program.write_text(COSIGN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return tmp_path / "record"


def test_an_image_is_checked_by_the_key_alone_and_with_the_login_in_a_file(record: Path) -> None:
    login = Login(username="bot", password="s3cret")
    Signatures(key=KEY, logins={"ghcr.io": login}).verify([GOOD, GOOD])
    (asked,) = record.read_text().splitlines()
    assert asked.startswith("verify --key ")
    assert asked.endswith(f"--insecure-ignore-tlog=true {GOOD}")
    assert "s3cret" not in asked
    given = json.loads(record.with_suffix(".login").read_text())
    assert given == {"auths": {"ghcr.io": {"auth": "Ym90OnMzY3JldA=="}}}
    assert record.with_suffix(".key").read_text() == KEY


@pytest.mark.usefixtures("record")
def test_all_images_that_are_not_signed_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_PATIENCE_SECONDS", 1)
    with pytest.raises(UnsignedImagesError) as caught:
        Signatures(key=KEY).verify([GOOD, BAD, LATE])
    assert list(caught.value.details)[:2] == [
        f"{BAD}: no signatures found",
        f"{LATE}: no answer for 1 s",
    ]


def test_without_cosign_its_place_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpsError, match=r"(?s)cosign is not there.*docs\.sigstore\.dev"):
        Signatures(key=KEY).verify([GOOD])


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize("key", [None, "", KEY])
def test_a_stack_with_a_key_asks_for_signatures(key: str | None) -> None:
    config = {} if key is None else {"manacore:image_key": ConfigValue(value=key)}
    stack = SimpleNamespace(get_all_config=lambda: config)
    unused = cast("Any", None)
    site = Site(unused, unused, cast("Any", stack), load_catalog(), {})
    site.verify([GOOD])
    if key:
        with pytest.raises(UnsignedImagesError):
            site.verify([BAD])
    else:
        site.verify([BAD])
