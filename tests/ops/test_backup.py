"""`backup` and `restore`, with an agent that answers what a test wants."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops import session
from ops.agent import Agent, Snapshot
from ops.cli import app
from ops.failures import OpsError
from ops.placing import place
from ops.release.server import Server
from ops.target import Target
from tests.support.holder import holder_on_server
from tests.support.server import OUTPUT, server_here

NOW = datetime.now(UTC)
OLD, GOOD, SUSPECT = "aaaa1111", "bbbb2222", "cccc3333"


def snapshot(
    identity: str, days: float, *tags: str, source: str = "postgres/chat"
) -> dict[str, Any]:
    when = (NOW - timedelta(days=days)).isoformat()
    return {
        "id": identity, "time": when, "tags": [f"source:{source}", *tags], "source": source,
        "keep_days": 31,
    }  # fmt: skip


def backed_up(problem: str = "", identity: str = "dddd4444") -> dict[str, Any]:
    return {
        "source": "postgres/chat",
        "snapshot": identity,
        "counted": 7,
        "size": 900,
        "problem": problem,
    }


@dataclass
class Remote:
    """What the agent was asked, and what it answers by its first argument."""

    answers: dict[str, tuple[Any, bool]]
    asked: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])

    def answer(
        self, container: str, command: list[str], seconds: float, stdin: str
    ) -> tuple[Any, bool]:
        """As a server's container does."""
        assert container == "backup"
        assert command[:3] == ["python3", "-m", "agent"]
        self.asked.append(tuple(command[3:]))
        return self.answers[command[3]]

    @property
    def verbs(self) -> list[str]:
        """What it was asked to do, in order."""
        return [asked[0] for asked in self.asked]


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Remote:
    """An agent with three backups of chat, of which the newest is suspect."""
    found = Remote(
        {
            "list": (
                [snapshot(OLD, 40), snapshot(GOOD, 1), snapshot(SUSPECT, 0.1, "suspect")],
                True,
            ),
            "run": ([backed_up()], True),
            "verify": ([{"source": "postgres/chat", "snapshot": GOOD, "age_hours": 2.25,
                         "counted": 7, "problems": []}], True),
            "copy": ([{"copy": "copy/redis", "copied": 2, "held": 9, "dropped": 1,
                       "problem": ""}], True),
            "restore": (
                {"restored": "postgres/chat", "kept": "chat_before_20261125"}, True,
            ),
        }
    )  # fmt: skip

    def agent(outputs: object, stack: str) -> Agent:
        return Agent(stack="staging", server=found, container="backup")  # type: ignore[arg-type]

    def target(stack: str, *, local: bool) -> SimpleNamespace:
        return SimpleNamespace(stack=stack)

    def outputs(_: object) -> dict[str, Any]:
        return found.outputs

    def opened(_: object) -> None:
        return None

    monkeypatch.setattr(Agent, "among", agent)
    monkeypatch.setattr(session, "outputs", outputs)
    monkeypatch.setattr(session.Session, "known", opened)
    monkeypatch.setattr(Target, "of", target)
    monkeypatch.setenv("MANACORE_HOME", str(tmp_path))
    return found


def invoke(*arguments: str, typed: str | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=typed)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def flat(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("verb", "said"),
    [("run", "1 sources"), ("list", "3 backups"), ("verify", "2.2")],
)
def test_each_verb_shows_what_the_agent_found(remote: Remote, verb: str, said: str) -> None:
    assert said in flat(invoke("backup", verb))
    assert remote.asked == [(verb,)]


@pytest.mark.parametrize("verb", ["run", "verify"])
def test_what_is_not_well_is_shown_and_ends_with_1(remote: Remote, verb: str) -> None:
    answer, _ = remote.answers[verb]
    answer[0]["problem" if verb == "run" else "problems"] = "half of the rows"
    remote.answers[verb] = (answer, False)
    assert "half of the rows" in flat(invoke("backup", verb, code=1))
    assert json.loads(invoke("backup", verb, "--json", code=1).stdout) == answer


def test_a_shrunk_database_is_accepted_by_its_name(remote: Remote) -> None:
    remote.answers["list"][0].append(snapshot("eeee", 1, source="redis"))
    invoke("backup", "run", "--accept", "chat", "--accept", "redis")
    assert remote.asked[-1] == ("run", "--accept", "postgres/chat", "--accept", "redis")
    invoke("backup", "list", "--accept", "chat", code=2)


def test_what_the_agent_could_not_do_is_said_without_a_table(remote: Remote) -> None:
    remote.answers["verify"] = ({"error": "restic failed (12): wrong password"}, False)
    result = invoke("backup", "verify", "--json", code=1)
    assert result.stdout == ""
    assert "wrong password" in flat(result)
    assert "docs/runbooks/restore.md" in flat(result)


def test_a_restore_takes_a_backup_and_brings_back_what_was_the_latest_before_it(
    remote: Remote,
) -> None:
    told = json.loads(invoke("restore", "chat", "--yes", "--json").stdout)
    assert remote.verbs == ["list", "run", "restore"]
    # Neither the suspect one, nor the one that was taken just now.
    assert remote.asked[-1] == ("restore", "postgres/chat", "--snapshot", GOOD)
    assert (told["restored"], told["kept"]) == ("postgres/chat", "chat_before_20261125")
    assert told["snapshot"] == GOOD


@pytest.mark.parametrize("back", [[], ["--back"]])
def test_a_copy_is_made_or_brought_back_and_told_by_repository(
    remote: Remote, back: list[str]
) -> None:
    said = flat(invoke("backup", "copy", *back))
    assert remote.asked == [("copy", *back)]
    assert "copy/redis" in said
    assert "1 repositories" in said


def test_a_copy_that_failed_is_not_well(remote: Remote) -> None:
    failed = {"copy": "copy", "copied": 0, "held": 9, "dropped": 0, "problem": "it lacks 3"}
    remote.answers["copy"] = ([failed], False)
    assert "it lacks 3" in flat(invoke("backup", "copy", code=1))


def test_back_goes_with_a_copy_alone(remote: Remote) -> None:
    assert "--back: goes with copy only" in flat(invoke("backup", "run", "--back", code=2))
    assert remote.verbs == []


def test_it_goes_on_once_the_name_is_typed(remote: Remote) -> None:
    result = invoke("restore", "chat", typed="chat\n")
    assert remote.verbs == ["list", "run", "restore"]
    assert "kept as chat_before_20261125" in flat(result)


@pytest.mark.parametrize("typed", ["staging\n", "\n\n", ""])
def test_anything_else_touches_nothing(remote: Remote, typed: str) -> None:
    invoke("restore", "chat", typed=typed, code=1)
    assert remote.verbs == ["list"]


def test_a_suspect_backup_is_restored_when_it_is_named(remote: Remote) -> None:
    invoke("restore", "chat", "--yes", "--snapshot", SUSPECT[:5])
    assert remote.asked[-1] == ("restore", "postgres/chat", "--snapshot", SUSPECT)


def test_beside_it_replaces_nothing_and_asks_nothing(remote: Remote) -> None:
    remote.answers["restore"] = ({"restored": "chat_look", "kept": ""}, True)
    invoke("restore", "chat", "--beside", "chat_look")
    assert remote.verbs == ["list", "restore"]
    assert remote.asked[-1][-2:] == ("--beside", "chat_look")


@pytest.mark.parametrize("before", [True, False])
def test_a_backup_at_the_end_of_its_retention_is_not_lost_to_the_one_before_it(
    remote: Remote, before: bool
) -> None:
    option = [] if before else ["--no-backup"]
    result = invoke("restore", "chat", "--yes", "--snapshot", OLD, *option, code=int(before))
    assert remote.verbs == (["list"] if before else ["list", "restore"])
    assert ("--no-backup" in result.output) == before


def test_a_database_that_cannot_be_backed_up_is_not_replaced(remote: Remote) -> None:
    remote.answers["run"] = ([backed_up("pg_dump failed (1): gone", identity="")], False)
    result = invoke("restore", "chat", "--yes", code=1)
    assert remote.verbs == ["list", "run"]
    assert "gone" in flat(result)
    assert "--no-backup" in flat(result)


def test_a_suspect_backup_of_what_is_replaced_does_not_stop_it(remote: Remote) -> None:
    remote.answers["run"] = ([backed_up("suspect: it is empty")], False)
    result = invoke("restore", "chat", "--yes")
    assert remote.verbs == ["list", "run", "restore"]
    assert "it is empty" in flat(result)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chta"], "There is no backup of chta. did you mean chat?"),
        (["chat", "--snapshot", "ffff"], "0 backups of postgres/chat are ffff."),
    ],
)
def test_what_there_is_no_backup_of_is_refused(
    remote: Remote, arguments: list[str], said: str
) -> None:
    assert said in flat(invoke("restore", *arguments, "--yes", code=1))
    assert remote.verbs == ["list"]


@pytest.mark.parametrize("to", ["2026-11-20T02:10:00Z", "latest"])
def test_a_time_is_asked_of_the_archive_after_a_backup(remote: Remote, to: str) -> None:
    answer = {"restored": "chat", "kept": "chat_before_1", "last": "2026-11-20 02:09:58+00"}
    remote.answers["restore"] = (answer, True)
    result = invoke("restore", "chat", "--to", to, typed="chat\n")
    assert remote.asked == [("run",), ("restore", "postgres/chat", "--to", to)]
    assert f"chat is as it was at {to}." in flat(result)
    assert "ended at 2026-11-20 02:09:58+00" in flat(result)
    told = json.loads(invoke("restore", "chat", "--to", to, "--yes", "--json").stdout)
    assert told == {**answer, "time": to}


def test_every_database_comes_back_to_one_moment_once_the_stacks_name_is_typed(
    remote: Remote,
) -> None:
    both = [backed_up(), {**backed_up(), "source": "postgres/uload"}]
    remote.answers["run"] = (both, True)
    kept = "chat_before_1, uload_before_1"
    answer = {"restored": "all", "kept": kept, "last": "2026-11-20 02:09:58+00"}
    remote.answers["restore"] = (answer, True)
    to = "2026-11-20T02:10:00Z"
    invoke("restore", "all", "--to", to, typed="all\n", code=1)
    assert not remote.asked
    said = flat(invoke("restore", "all", "--to", to, typed="staging\n"))
    assert remote.asked == [("run",), ("restore", "all", "--to", to)]
    assert f"Every database is as it was at {to}." in said
    assert f"kept as {kept}" in said


def test_every_database_comes_back_from_its_own_latest_good_backup(remote: Remote) -> None:
    gone = {**snapshot("dddd1111", 0.5, source="postgres/gone"), "keep_days": 0}
    uload = snapshot("eeee1111", 9, source="postgres/uload")
    cache = snapshot("ffff1111", 1, source="redis")
    backups, well = remote.answers["list"]
    remote.answers["list"] = ([*backups, gone, uload, cache], well)
    both = [backed_up(), {**backed_up(), "source": "postgres/uload"}]
    remote.answers["run"] = (both, True)

    asked = flat(invoke("restore", "all", typed="all\n", code=1))
    assert "Every database of staging becomes what it was at" in asked
    assert remote.verbs == ["list"]
    done = invoke("restore", "all", "--yes", "--json")
    assert remote.asked[1:] == [
        ("list",),
        ("run",),
        ("restore", "postgres/uload", "--snapshot", "eeee1111"),
        ("restore", "postgres/chat", "--snapshot", GOOD),
    ]
    assert [one["snapshot"] for one in json.loads(done.stdout)] == ["eeee1111", GOOD]


def test_of_all_none_is_touched_when_one_has_only_suspect_backups(remote: Remote) -> None:
    uload = snapshot("eeee1111", 9, "suspect", source="postgres/uload")
    backups, well = remote.answers["list"]
    remote.answers["list"] = ([*backups, uload], well)
    assert "0 backups of postgres/uload are good" in flat(invoke("restore", "all", "--yes", code=1))
    assert remote.verbs == ["list"]


def test_nothing_is_touched_when_one_of_all_cannot_be_backed_up(remote: Remote) -> None:
    lost = {**backed_up("pg_dump failed (1): gone", identity=""), "source": "postgres/uload"}
    remote.answers["run"] = ([backed_up(), lost], False)
    result = invoke("restore", "all", "--to", "latest", "--yes", code=1)
    assert remote.verbs == ["run"]
    assert "postgres/uload could not be backed up" in flat(result)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--snapshot", "aaaa"], "is of one database"),
        (["--beside", "look"], "has one name"),
        (["--to", "latest", "--beside", "look"], "has one name"),
    ],
)
def test_all_of_them_come_back_in_their_places_and_from_no_named_backup(
    remote: Remote, arguments: list[str], said: str
) -> None:
    assert said in flat(invoke("restore", "all", "--yes", *arguments, code=2))
    assert remote.asked == []


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("yesterday", "is no time"),
        ("2026-11-20T02:10:00", "has no zone"),
        ("2999-01-01T00:00:00Z", "yet to come"),
    ],
)
def test_what_is_no_time_of_the_past_is_refused(remote: Remote, to: str, said: str) -> None:
    assert said in flat(invoke("restore", "chat", "--yes", "--to", to, code=2))
    assert not remote.asked


@pytest.mark.parametrize(
    "arguments",
    [
        ["--beside", "Chat"],
        ["--beside", "-x"],
        ["--snapshot", "latest"],
        ["--snapshot", "aaaa", "--to", "latest"],
    ],
)
def test_options_that_mean_nothing_are_refused_before_anything_is_asked(
    remote: Remote, arguments: list[str]
) -> None:
    invoke("restore", "chat", "--yes", *arguments, code=2)
    assert remote.asked == []


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Agent]:
    """An agent on a server that is this machine: ssh runs commands here, docker a given script."""

    def made(script: str) -> Agent:
        server_here(tmp_path, monkeypatch, docker=script)
        return Agent(stack="staging", server=Server("main", OUTPUT), container="backup")

    return made


@pytest.mark.parametrize(("code", "well"), [(0, True), (1, False)])
def test_the_agents_exit_code_says_whether_all_is_well(
    agent: Callable[[str], Agent], code: int, well: bool
) -> None:
    script = f"""[ "$*" = "exec backup python3 -m agent run" ] || exit 9
echo '[1]'; exit {code}"""
    assert agent(script).ask("run") == ([1], well)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'No such container: backup' >&2; exit 1", "No such container: backup"),
        ("echo 'Traceback: x'; exit 1", "answered with no JSON"),
        ("exit 137", "exit code 137"),
        ("exit 255", "cannot be reached by ssh"),
    ],
)
def test_an_agent_that_does_not_answer_is_an_error_with_its_remedy(
    agent: Callable[[str], Agent], script: str, said: str
) -> None:
    with pytest.raises(OpsError) as error:
        agent(script).ask("list")
    assert said in str(error.value)
    assert "./manacore up --stack staging" in str(error.value)


def test_a_document_is_kept_as_the_agent_gets_it(agent: Callable[[str], Agent]) -> None:
    script = """[ "$*" = "exec -i backup python3 -m agent keep" ] || exit 9
printf '{"snapshot": "%s"}' "$(cat)\""""
    assert agent(script).keep("a-document") == "a-document"


def test_a_document_that_is_not_kept_is_an_error_with_the_agents_reason(
    agent: Callable[[str], Agent],
) -> None:
    with pytest.raises(OpsError, match="staging: keep failed") as error:
        agent("""echo '{"error": "the bucket cannot be reached"}'; exit 1""").keep("a-document")
    assert "the bucket cannot be reached" in str(error.value)


def test_a_stack_without_the_agent_says_what_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    support = [{"kind": "edge", "server": "main", "container": "edge"}]
    found: dict[str, Any] = {"servers": {"main": {"ipv4": "198.51.100.10"}}, "support": support}

    def outputs(_: object) -> dict[str, Any]:
        return found

    def known(_: object) -> None:
        return None

    monkeypatch.setattr(session, "outputs", outputs)
    monkeypatch.setattr(session.Session, "known", known)
    target: Any = SimpleNamespace(stack="staging")
    with pytest.raises(OpsError, match="no backup agent"):
        Agent.of(target)
    support.append({"kind": "backup", "server": "main", "container": "backup"})
    agent = Agent.of(target)
    assert (agent.server.name, agent.container) == ("main", "backup")


def test_a_name_that_two_kinds_have_is_asked_about(remote: Remote) -> None:
    remote.answers["list"][0].append(snapshot("eeee", 1, source="folder/chat"))
    said = flat(invoke("restore", "chat", "--yes", code=1))
    assert "chat can be folder/chat or postgres/chat." in said
    assert remote.verbs == ["list"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server that is this machine: its folder is mounted in two containers and the agent."""
    here = tmp_path / "mnt/edge-data"
    here.mkdir(parents=True)
    (here / "key.pem").write_text("the present one")
    old = tmp_path / "old"
    old.mkdir()
    (old / "key.pem").write_text("the old one")
    docker = f"""echo "$*" >>{tmp_path}/asked
case "$1" in
  inspect) case "$*" in *'"/mnt/folders/edge-data"'*) echo {here} ;; esac ;;
  exec) [ ! -e {tmp_path}/broken ] || {{ echo the dump is not whole >&2; exit 1; }}
        tar -c -C {old} . ;;
  ps) echo edge backup ;;
  stop) [ "$(cat {here}/key.pem)" = 'the present one' ] ;;
  start) [ ! -e {tmp_path}/broken ] ;;
esac"""
    (tmp_path / "bin").mkdir()
    server_here(tmp_path / "bin", monkeypatch, docker=docker)
    return tmp_path


def placed(beside: str = "") -> dict[str, str]:
    agent = Agent(stack="staging", server=Server("main", OUTPUT), container="backup")
    chosen = Snapshot(
        id=GOOD, time=NOW, tags=(), source="folder/edge-data", keep_days=31
    )  # fmt: skip
    return place(agent, chosen, beside)


def test_a_folder_takes_its_place_while_who_has_it_mounted_stands_still(server: Path) -> None:
    kept = Path(placed()["kept"])
    assert (server / "mnt/edge-data/key.pem").read_text() == "the old one"
    assert (kept / "key.pem").read_text() == "the present one"
    assert kept.name.startswith("edge-data_before_2")
    asked = (server / "asked").read_text().splitlines()
    export = f"exec backup python3 -m agent export folder/edge-data --snapshot {GOOD}"
    assert asked[1:] == [
        export, f"ps --quiet --filter volume={server}/mnt/edge-data", "stop --time 30 edge backup",
        "start edge backup",
    ]  # fmt: skip


def test_a_folder_beside_stops_nobody(server: Path) -> None:
    assert placed("look") == {"restored": "look", "kept": ""}
    assert (server / "mnt/look/key.pem").read_text() == "the old one"
    assert (server / "mnt/edge-data/key.pem").read_text() == "the present one"
    assert "stop" not in (server / "asked").read_text()


def test_the_copy_of_a_command_that_was_killed_goes_with_the_next_one(server: Path) -> None:
    for name in ("edge-data_restored_20260101000000", "edge-data_restored_2", "look"):
        (server / "mnt" / name / "some").mkdir(parents=True)
    placed("another")
    assert len(list((server / "mnt").iterdir())) == 5, "nothing is replaced: nothing goes"
    placed()
    left = {path.name.partition("_before_")[0] for path in (server / "mnt").iterdir()}
    assert left == {"edge-data", "edge-data_restored_2", "look", "another"}


def test_a_dump_that_is_not_whole_touches_no_folder(server: Path) -> None:
    (server / "broken").touch()
    with pytest.raises(OpsError, match="refused") as error:
        placed()
    assert "the dump is not whole" in str(error.value)
    assert [path.name for path in (server / "mnt").iterdir()] == ["edge-data"]
    assert "stop" not in (server / "asked").read_text()


def test_a_folder_is_restored_by_the_server_once_it_was_backed_up(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.answers["list"][0].append(snapshot("eeee1111", 1, source="folder/edge-data"))
    result = {**backed_up(), "source": "folder/edge-data"}
    remote.answers["run"] = ([result], True)
    scripts: list[list[str]] = []

    def script(text: str, arguments: list[str], *, seconds: float) -> str:
        scripts.append(arguments)
        return "/mnt/data/edge-data_before_1\n"

    monkeypatch.setattr(remote, "script", script, raising=False)
    told = json.loads(invoke("restore", "edge-data", "--yes", "--json").stdout)
    assert remote.verbs == ["list", "run"]
    assert told["kept"] == "/mnt/data/edge-data_before_1"
    assert scripts[0][1:4] == ["folder/edge-data", "eeee1111", "/mnt/folders/edge-data"]


def test_a_restore_is_refused_while_another_machine_changes_the_stack(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_here(tmp_path, monkeypatch)
    remote.outputs["servers"] = {"main": OUTPUT}
    stack = f"test-{uuid.uuid4().hex[:8]}"
    other = holder_on_server(stack)
    try:
        said = flat(invoke("restore", "chat", "--yes", "--stack", stack, code=1))
    finally:
        other.kill()
        other.communicate()
        Path(f"/run/lock/manacore-{stack}.lock").unlink()
    assert "a release" in said
    assert "restore" not in remote.verbs
