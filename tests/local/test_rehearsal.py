"""Migrations rehearsed on the local cloud: with the real agent, on copies of real databases."""

from __future__ import annotations

import pytest

from tests.local.platform import Platform
from tests.local.releases import BACKEND, OLD, answers, push, receipt

pytestmark = [pytest.mark.local, pytest.mark.full]

_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'starts'"


def sql(platform: Platform, text: str) -> list[str]:
    """What the database of the backend answers."""
    psql = f'docker exec postgres psql -U postgres -d chat -XAtq -c "{text}"'
    return platform.remote(psql).split()


def left(platform: Platform) -> list[str]:
    """What a rehearsal has left behind."""
    databases = sql(platform, "SELECT datname FROM pg_database WHERE datname ~ 'rehearsal'")
    containers = platform.remote("docker ps --all --format '{{.Names}}' | grep rehearsal || true")
    secrets = platform.remote("ls -d /run/manacore-clone-* 2>/dev/null || true")
    return [*databases, *containers.split(), *secrets.split()]


def test_a_migration_that_leaves_no_way_back_is_found_on_a_copy(platform: Platform) -> None:
    tag = "main-6666666-breaking"
    push(platform, f"{BACKEND}={tag}")
    platform.manacore("backup", "run")
    done = receipt(platform, "release", f"{BACKEND}={tag}", "--rehearse-migration", code=1)
    assert done["outcome"] == "failed"
    assert "no way back" in done["reason"], done["reason"]
    assert [step["name"] for step in done["steps"]][-2:] == [
        f"rehearse {BACKEND}",
        "clear new slots",
    ]
    assert "version" in sql(platform, _COLUMNS), "the database itself was not touched"
    assert answers(platform, BACKEND) == OLD
    assert left(platform) == []
    assert platform.preview() == {}


def test_a_migration_that_fails_is_found_on_a_copy(platform: Platform) -> None:
    tag = "main-6666666-migration"
    push(platform, f"{BACKEND}={tag}")
    done = receipt(platform, "release", f"{BACKEND}={tag}", "--rehearse-migration", code=1)
    assert "the migration fails on a copy" in done["reason"], done["reason"]
    assert "no_such_table" in done["reason"]
    assert left(platform) == []


def test_a_rehearsed_release_goes_on(platform: Platform) -> None:
    push(platform, f"{BACKEND}=main-6666666")
    arguments = (f"{BACKEND}=main-6666666", "--rehearse-migration", "--watch", "0")
    done = receipt(platform, "release", *arguments)
    assert done["outcome"] == "released"
    assert [step["name"] for step in done["steps"]] == [
        "start new slots",
        "smoke tests",
        f"rehearse {BACKEND}",
        f"migrate {BACKEND}",
        "flip",
        "record",
    ]
    assert answers(platform, BACKEND) == "main-6666666"
    assert left(platform) == []
    receipt(platform, "rollback")
