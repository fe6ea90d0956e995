"""PostgreSQL's next major release as the runbook says it: no row is lost, and one edit is undone.

What a person edits in `catalog/` is edited in a copy of the project.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import cast

import pytest

from catalog import load_catalog
from localcloud.images.infrastructure import BACKUP, NEXT_BACKUP
from localcloud.images.postgres_release import NEXT_POSTGRES, POSTGRES
from ops.drill.rows import Rows, Table, differing
from ops.release.server import Server
from ops.sql import sql
from tests.local.platform import Answer, Platform, changed_tree, get

pytestmark = [pytest.mark.local, pytest.mark.full]

CATALOG = Path("catalog/services")
FOLDER = f"postgres-{NEXT_POSTGRES.major}"
SERVER = """\
  image: {image}
  user: "999:999"
  volumes:
    {folder}:
      path: {path}
"""
UPGRADE: Mapping[str, tuple[str, str]] = {
    "infrastructure.yaml": (
        SERVER.format(image=POSTGRES.reference, folder="postgres", path=POSTGRES.volume),
        SERVER.format(image=NEXT_POSTGRES.reference, folder=FOLDER, path=NEXT_POSTGRES.volume),
    ),
    "support.yaml": (BACKUP, NEXT_BACKUP),
}
REFUSE_WRITES = "ALTER SYSTEM SET default_transaction_read_only = on"
TAKE_WRITES = "ALTER SYSTEM RESET default_transaction_read_only"
RELOAD = "SELECT pg_reload_conf()"


@pytest.fixture
def platform(tmp_path: Path) -> Generator[Platform]:
    """The platform in a tree of its own, since the catalogue is edited."""
    there = Platform(root=changed_tree(tmp_path, {}))
    there.up()
    yield there
    Platform().up("--flip")
    sql(server(there), f"{TAKE_WRITES};\n{RELOAD}")
    there.remote(f"sudo rm -rf /mnt/data/{FOLDER}")


def server(platform: Platform) -> Server:
    return Server.of(platform.outputs(), "main")


def edit(platform: Platform, *, undo: bool = False) -> None:
    """Put the next release into the catalogue, or the former one again."""
    for name, (old, new) in UPGRADE.items():
        file = platform.root / CATALOG / name
        before, after = (new, old) if undo else (old, new)
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))


def version(platform: Platform) -> str:
    return sql(server(platform), "SHOW server_version")


def tables(platform: Platform) -> dict[str, Table]:
    return rows_of(platform, "").tables()


def rows_of(platform: Platform, mark: str) -> Rows:
    databases = sorted(load_catalog().databases)
    return Rows(server=server(platform), databases=databases, mark=mark)


def status_of(platform: Platform, service: str) -> int:
    """What a caller gets from a service through the edge."""
    outputs = platform.outputs()
    url = next(s["health_url"] for s in outputs["services"] if s["name"] == service)
    host, _, path = url.removeprefix("https://").partition("/")
    return get(outputs["servers"]["main"]["ipv4"], host, f"/{path}")[0]


def backups(platform: Platform, verb: str) -> set[str]:
    """The sources that a command of the backups had to do with; all must be well."""
    return {one["source"] for one in cast("list[Answer]", platform.manacore("backup", verb))}


def test_another_major_release_loses_no_row_and_can_be_undone(platform: Platform) -> None:
    mark = str(uuid.uuid4())
    written = rows_of(platform, mark).write(500)
    assert version(platform) == POSTGRES.version

    platform.manacore("maintenance", "all", "--on", "--message", "Back in a minute.")
    assert status_of(platform, "quote-backend") == 503
    sql(server(platform), f"{REFUSE_WRITES};\n{RELOAD}")
    before = tables(platform)
    backed_up = backups(platform, "run")

    edit(platform)
    platform.up()
    assert version(platform) == NEXT_POSTGRES.version
    restored = cast("list[Answer]", platform.manacore("restore", "all", "--yes", "--no-backup"))
    assert {one["restored"] for one in restored} == {
        source for source in backed_up if source.startswith("postgres/")
    }
    assert differing([before], tables(platform)) == []
    assert rows_of(platform, mark).count() == written
    platform.manacore("maintenance", "all", "--off")
    assert status_of(platform, "quote-backend") == 200
    assert platform.manacore("status")["healthy"] == 39
    assert platform.preview() == {}

    # Written, backed up and proven as before, by the new release's own programs.
    rows_of(platform, mark).write(1)
    assert backups(platform, "run") == backed_up
    platform.remote("docker exec backup python3 -m agent base")
    assert backups(platform, "verify") == {*backed_up, "archive"}

    # The way back: the former cluster is as it was when the backup was made.
    edit(platform, undo=True)
    platform.up()
    sql(server(platform), f"{TAKE_WRITES};\n{RELOAD}")
    assert version(platform) == POSTGRES.version
    assert differing([before], tables(platform)) == []
    rows_of(platform, mark).remove()
    assert platform.preview() == {}
