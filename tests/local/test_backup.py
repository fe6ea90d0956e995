"""Backups on the local cloud, used as a person uses them: made, listed, proven, restored."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pytest

from catalog import load_catalog
from localcloud.processes import wait_until
from tests.local.platform import Answer, Platform, Remote, get, shell

# Each of restic's calls derives the repository's key anew: a backup of six databases has dozens.
pytestmark = [pytest.mark.local, pytest.mark.full]

STAGING = Platform()
AUTH = "mana-core-auth"
CHAT = "postgres/chat"
WORK = "/mnt/data/backup-work"
JOURNAL = f"{WORK}/journal.json"
SECRETS = "/srv/manacore/secrets/backup"
# Arguments and variables of all processes, twenty times in some seconds; some end meanwhile.
LOOK = (
    "for _ in $(seq 20); do ps axww -o args; sudo sh -c 'cat /proc/[0-9]*/environ' 2>/dev/null;"
    " sleep 0.1; done; true"
)


@pytest.fixture(scope="module")
def remote() -> Remote:
    """Runs a command on the server of the stack, once that is up."""
    STAGING.up()
    return shell(STAGING.outputs()["servers"]["main"])


@dataclass(frozen=True)
class Chat:
    """The database of a service, and a row in it that nobody else has."""

    remote: Remote
    mark: str

    def sql(self, query: str, database: str = "chat") -> str:
        """What a query answers; it has no double quotes."""
        done = self.remote(f'docker exec postgres psql -U postgres -d {database} -Atqc "{query}"')
        return done.strip()

    def rows(self, database: str = "chat") -> int:
        """How many rows have the mark."""
        query = f"SELECT count(*) FROM items WHERE {self._marked}"  # noqa: S608 - our own mark
        return int(self.sql(query, database))

    def add(self) -> None:
        """Write the row."""
        value = f"jsonb_build_object('mark', '{self.mark}')"
        self.sql(f"INSERT INTO items (content) VALUES ({value})")  # noqa: S608 - our own mark

    def delete(self) -> None:
        """Lose it."""
        self.sql(f"DELETE FROM items WHERE {self._marked}")  # noqa: S608 - our own mark

    @property
    def _marked(self) -> str:
        return f"content->>'mark' = '{self.mark}'"


@pytest.fixture
def chat(remote: Remote) -> Generator[Chat]:
    """The database with the row; copies that a test makes go with it."""
    found = Chat(remote, str(uuid.uuid4()))
    found.add()
    yield found
    found.delete()
    for copy in found.sql("SELECT datname FROM pg_database WHERE datname LIKE 'chat_%'").split():
        found.sql(f"DROP DATABASE {copy} WITH (FORCE)", "postgres")


def backup(verb: str) -> list[Answer]:
    """What the command answers; all must be well."""
    return cast("list[Answer]", STAGING.manacore("backup", verb))


def emptied(source: str) -> None:
    """Say that it was on purpose: else the backups of the tests that follow are suspect."""
    STAGING.manacore("backup", "run", "--accept", source)


def asked_until(ended: Callable[[], bool]) -> list[int]:
    """What services with other databases answer, again and again until `ended` says so."""
    outputs = STAGING.outputs()
    address = outputs["servers"]["main"]["ipv4"]
    urls = [s["health_url"] for s in outputs["services"] if s["name"] in ("quote-backend", AUTH)]
    parts = [url.removeprefix("https://").partition("/") for url in urls]
    assert len(parts) == 2
    answers: list[int] = []
    while not ended():
        answers += [get(address, host, f"/{path}")[0] for host, _, path in parts]
    return answers


def test_a_lost_row_comes_back_while_services_run(chat: Chat) -> None:
    made = {one["source"]: one for one in backup("run")}
    folders = {f"folder/{name}" for name in load_catalog().kept_volumes}
    databases = {f"postgres/{name}" for name in load_catalog().databases}
    assert set(made) == databases | folders | {"roles", "redis"}
    assert made[CHAT]["counted"] > 0
    identity = made[CHAT]["snapshot"]
    listed = next(one for one in backup("list") if one["id"].startswith(identity[:8]))
    assert listed["source"] == CHAT
    proven = {one["source"]: one for one in backup("verify")}
    assert set(proven) == {*made, "archive"}
    assert proven[CHAT]["counted"] == made[CHAT]["counted"]

    chat.delete()
    assert chat.rows() == 0
    with ThreadPoolExecutor(1) as pool:
        restoring = pool.submit(STAGING.manacore, "restore", "chat", "--yes")
        answers = asked_until(restoring.done)
        done = restoring.result()
    assert len(answers) > 10, "nobody asked while it ran"
    assert set(answers) == {200}, "services of other databases go on meanwhile"

    assert chat.rows() == 1
    assert done["snapshot"].startswith(identity[:8])
    kept = "SELECT datname FROM pg_database WHERE datname ~ '^chat_before_'"
    assert chat.sql(kept) == done["kept"] != ""
    # A service that lost its connections has new ones by the time that it is asked.
    assert STAGING.manacore("up")["healthy"] == 39
    assert STAGING.preview() == {}


def test_a_copy_beside_it_leaves_the_database_alone(chat: Chat) -> None:
    backup("run")
    chat.delete()
    done = STAGING.manacore("restore", "chat", "--beside", "chat_look")
    assert done["kept"] == ""
    assert (chat.rows(), chat.rows("chat_look")) == (0, 1)
    # A second one of the name is refused by the server, and told.
    assert "chat_look" in STAGING.refused("restore", "chat", "--beside", "chat_look")


def test_lost_sessions_come_back_by_a_user_that_could_not_read_them(remote: Remote) -> None:
    login = "REDISCLI_AUTH=$(cat /run/secrets/REDIS_PASSWORD) redis-cli --user admin"
    client = f"docker exec redis sh -c '{login}"
    mark = f"session:{uuid.uuid4()}"
    remote(f"{client} SET {mark} kept EX 3600'")
    backup("run")
    remote(f"{client} FLUSHALL'")
    assert STAGING.manacore("restore", "redis", "--yes", "--no-backup")["restored"] == "redis"
    assert remote(f"{client} GET {mark}'").strip() == "kept"
    assert 0 < int(remote(f"{client} TTL {mark}'")) <= 3600
    remote(f"{client} DEL {mark}'")
    emptied("redis")


def test_a_folder_comes_back_while_services_without_it_run(remote: Remote) -> None:
    folder = "/mnt/data/wisekeep"
    owner = "-o 1001 -g 1001"
    remote(f"echo kept >/tmp/talk && sudo install {owner} -D /tmp/talk {folder}/transcripts/talk")
    backup("run")
    remote(f"sudo rm -r {folder}/transcripts")
    with ThreadPoolExecutor(1) as pool:
        restoring = pool.submit(STAGING.manacore, "restore", "wisekeep", "--yes", "--no-backup")
        answers = asked_until(restoring.done)
        done = restoring.result()
    assert set(answers) == {200}, "services without the folder go on meanwhile"
    assert remote(f"sudo stat -c %u {folder}/transcripts/talk").strip() == "1001"
    live = remote("docker ps --filter name=^wisekeep-backend --format '{{.Names}}'").split()
    seen = [remote(f"docker exec {name} cat /data/transcripts/talk").strip() for name in live]
    assert seen == ["kept"] * len(live) != []
    assert remote("docker exec backup cat /mnt/folders/wisekeep/transcripts/talk") == "kept\n"
    assert STAGING.manacore("up")["healthy"] == 39
    assert STAGING.preview() == {}
    remote(f"sudo rm -r {folder}/transcripts/talk {done['kept']}")
    emptied("folder/wisekeep")


def test_what_there_is_no_backup_of_is_refused(remote: Remote) -> None:
    assert remote("docker ps --quiet --filter name=^backup$")
    assert "no backup of nothing" in STAGING.refused("restore", "nothing", "--yes")


def test_a_backup_that_was_missed_is_made_once_the_agent_runs_again(remote: Remote) -> None:
    def last() -> tuple[datetime, bool]:
        run = json.loads(remote(f"sudo cat {JOURNAL}"))["run"]
        return datetime.fromisoformat(run["ended"]), run["done"]

    backup("run")
    begun = last()[0]
    older = r's/"started": "20[0-9]*/"started": "2020/'
    remote(f"docker stop backup && sudo sed -i '{older}' {JOURNAL} && docker start backup")
    assert wait_until(lambda: last()[0] > begun, timeout=180, every=2)
    assert last()[1], remote("docker logs --tail 20 backup 2>&1")
    scraped = "wget -q -O - http://127.0.0.1:9090/api/v1/query?query=manacore_backup_last_run_"
    query = f"docker exec prometheus {scraped}timestamp_seconds"

    def told() -> float:
        found = json.loads(remote(query))["data"]["result"]
        return float(found[0]["value"][1]) if found else 0

    assert wait_until(lambda: told() == pytest.approx(last()[0].timestamp()), timeout=90, every=2)


def test_a_backup_that_was_killed_is_no_obstacle_to_the_next(remote: Remote) -> None:
    dump = f"{WORK}/dumps/postgres/manadeck"
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(STAGING.attempt, "backup", "run")
        # The third of six is on its way: its folder is there only meanwhile. No command on a server
        # takes longer than a minute.
        look = f"timeout 50 sh -c 'until sudo test -d {dump}; do sleep 0.02; done'"
        kill = "docker kill backup && docker start backup"
        assert wait_until(lambda: remote(f"if {look}; then {kill}; fi") != "", timeout=300)
        assert killed.result().returncode == 1
        assert "Traceback" not in killed.result().stderr
    left = remote(f"sudo find {WORK}").split()
    assert not [path for path in left if "manadeck" in path], (
        "the start removes the dump that was left"
    )
    assert {one["problem"] for one in backup("run")} == {""}


def test_no_credential_shows_while_a_backup_runs(remote: Remote) -> None:
    files = remote(f"sudo ls {SECRETS}").split()
    texts = {file: remote(f"sudo cat {SECRETS}/{file}") for file in files}
    secrets = {
        texts["REPOSITORY_PASSWORD"].strip(),
        texts["pgpass"].strip().rpartition(":")[2],
        texts["redis"].strip(),
        *(line.rpartition(" = ")[2] for line in texts["credentials"].splitlines() if "=" in line),
    }
    assert len(secrets) == 5
    assert all(len(secret) > 15 for secret in secrets)

    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(backup, "run")
        while not running.done():
            seen.append(remote(LOOK))
        running.result()
    processes = "\n".join(seen)
    assert "restic --no-cache" in processes, "nobody looked while it ran"

    state: list[dict[str, Any]] = STAGING.state()
    shown = {
        "processes": processes,
        "docker inspect": remote("docker ps -aq | xargs docker inspect"),
        "log": remote("docker logs backup 2>&1"),
        "state": json.dumps(state),
        "compose": remote("sudo cat /srv/manacore/compose/compose.yaml"),
        # The object store is a process of this machine.
        "local processes": subprocess.run(
            ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
        ).stdout,
    }
    encoded = {base64.b64encode(text.encode()).decode() for text in texts.values()}
    for place, text in shown.items():
        found = [secret for secret in secrets | encoded if secret in text]
        assert not found, f"{len(found)} credentials in {place}"
