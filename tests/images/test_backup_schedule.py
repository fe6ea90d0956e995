"""The agent's schedule, its journal, its lock and what it says over HTTP: no clock, no server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from images.backup.agent import copy_proof, journal, second_copy, serve, tasks
from images.backup.agent.alone import BusyError, alone
from images.backup.agent.backup import Result, sweep
from images.backup.agent.journal import Attempt, Journal
from images.backup.agent.process import AgentError
from images.backup.agent.proof import Proof
from images.backup.agent.schedule import RETRY, Slot
from images.backup.agent.second_copy import Copied
from images.backup.agent.serve import Job, Scheduler
from images.backup.agent.settings import Settings

CHAT = "postgres/chat"
START = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # a Wednesday
DAILY, WEEKLY = Slot.read("02:00"), Slot.read("Sun 04:00")
ROOT = Path(__file__).parents[2]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def attempt(started: datetime, *, done: bool = True) -> Attempt:
    return Attempt(started=started, ended=started + timedelta(minutes=5), done=done)


@pytest.mark.parametrize(
    ("slot", "now", "latest"),
    [
        (DAILY, "2026-11-25 01:59", "2026-11-24 02:00"),
        (DAILY, "2026-11-25 02:00", "2026-11-25 02:00"),
        (WEEKLY, "2026-11-25 09:00", "2026-11-22 04:00"),
        (WEEKLY, "2026-11-29 03:59", "2026-11-22 04:00"),
        (WEEKLY, "2026-11-29 04:00", "2026-11-29 04:00"),
    ],
)
def test_the_latest_time_is_not_after_now(slot: Slot, now: str, latest: str) -> None:
    assert slot.latest(at(now)) == at(latest)


@pytest.mark.parametrize("text", ["24:00", "2:00", "Sunday 04:00", "Sun", "", "02:00 Sun"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="write 02:00, or Sun 04:00"):
        Slot.read(text)


def test_a_new_agent_waits_for_the_next_time() -> None:
    assert DAILY.due(START, None, START) == at("2026-11-26 02:00")
    assert WEEKLY.due(START, None, START) == at("2026-11-29 04:00")


def test_what_was_missed_is_due_at_once_and_only_once() -> None:
    last, now = attempt(at("2026-11-20 02:00")), at("2026-11-25 09:00")
    assert DAILY.due(now, last, START) <= now
    assert DAILY.due(now, attempt(now), START) == at("2026-11-26 02:00")


def test_what_failed_is_tried_again_after_an_hour_and_never_later_than_the_next_time() -> None:
    failed = attempt(at("2026-11-25 02:00"), done=False)
    assert DAILY.due(at("2026-11-25 02:10"), failed, START) == failed.ended + RETRY
    late = attempt(at("2026-11-26 01:50"), done=False)
    assert DAILY.due(at("2026-11-26 01:56"), late, START) == at("2026-11-26 02:00")


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    ago=st.timedeltas(timedelta(), timedelta(days=20)),
    slot=st.sampled_from([DAILY, WEEKLY]),
)
def test_one_that_was_done_is_next_due_within_a_period_of_it(
    now: datetime, ago: timedelta, slot: Slot
) -> None:
    last = attempt(now - ago)
    period = timedelta(days=1 if slot is DAILY else 7)
    due = slot.due(now, last, now - timedelta(days=400))
    assert due > last.started
    assert due <= now + period
    if ago >= period:
        assert due <= now, "a whole period passed without one"


@dataclass
class World:
    """A clock that is set by hand, and jobs that only note that they were done."""

    work: Path
    now: datetime = START
    ticks: float = 0
    done: list[str] = field(default_factory=list[str])
    said: list[str] = field(default_factory=list[str])
    failing: bool = False
    copy_to: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(
            copy_to=self.copy_to,
            repository="s3:http://127.0.0.1:9/b", password_file="", credentials_file="",
            passfile="", host="", port=0, user="", databases=["chat", "uload"],
            work=str(self.work),
        )  # fmt: skip

    def scheduler(self) -> Scheduler:
        """As it is after each start."""
        jobs = [self._job("run", DAILY), self._job("verify", WEEKLY)]
        return Scheduler(
            settings=self.settings,
            jobs=jobs,
            clock=lambda: self.now,
            monotonic=lambda: self.ticks,
            say=self.said.append,
        )

    def go(self, scheduler: Scheduler, until: str) -> None:
        """Let time pass in the steps that the scheduler asks for."""
        while self.now < at(until):
            pause = scheduler.step()
            assert 0 <= pause <= 30
            self.now += timedelta(seconds=pause)
            self.ticks += pause

    def _job(self, verb: str, slot: Slot) -> Job:
        def act(now: datetime) -> Sequence[str]:
            with alone(str(self.work), verb):
                self.done.append(f"{verb} {now:%a %H:%M}")
                read = Journal.read(str(self.work), now)
                made = attempt(now, done=not self.failing)
                changed = read.backed_up(made, {}) if verb == "run" else read.verified(made, {})
                changed.write(str(self.work))
                if self.failing:
                    raise AgentError("the bucket cannot be reached")
                return []

        def last(read: Journal) -> Attempt | None:
            return read.run if verb == "run" else read.verify

        return Job(verb=verb, slot=slot, last=last, act=act)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_week_has_seven_backups_and_one_proof(world: World) -> None:
    world.go(world.scheduler(), "2026-12-02 09:00")
    assert world.done == [
        "run Thu 02:00", "run Fri 02:00", "run Sat 02:00", "run Sun 02:00", "verify Sun 04:00",
        "run Mon 02:00", "run Tue 02:00", "run Wed 02:00",
    ]  # fmt: skip


def test_a_restart_repeats_nothing_and_catches_up_what_was_missed(world: World) -> None:
    world.go(world.scheduler(), "2026-11-26 03:00")
    world.go(world.scheduler(), "2026-11-26 04:00")
    assert world.done == ["run Thu 02:00"]
    world.now = at("2026-12-01 12:00")  # the server was off, over a Sunday
    world.go(world.scheduler(), "2026-12-01 13:00")
    assert world.done[1:] == ["run Tue 12:00", "verify Tue 12:00"]


def test_a_failure_is_said_and_tried_again_by_the_hour(world: World) -> None:
    world.failing = True
    world.go(world.scheduler(), "2026-11-26 04:30")
    assert world.done == ["run Thu 02:00", "run Thu 03:05", "run Thu 04:10"]
    assert "bucket cannot be reached" in world.said[0]


def test_nothing_begins_while_a_persons_command_is_under_way(world: World) -> None:
    scheduler = world.scheduler()
    world.now = at("2026-11-26 02:00")
    with alone(str(world.work), "restore of chat"):
        assert scheduler.step() == 30
    assert world.done == []
    assert scheduler.step() == 0
    assert world.done == ["run Thu 02:00"]


def test_a_clock_that_goes_back_repeats_nothing(world: World) -> None:
    scheduler = world.scheduler()
    world.go(scheduler, "2026-11-26 02:30")
    world.now = at("2026-11-25 20:00")
    world.go(scheduler, "2026-11-26 01:00")
    assert world.done == ["run Thu 02:00"]


def test_a_scheduler_that_looks_no_more_is_not_healthy(world: World) -> None:
    scheduler = world.scheduler()
    scheduler.step()
    assert serve.answer(scheduler, "/health")[0] == 200
    world.ticks += 301
    assert serve.answer(scheduler, "/health")[0] == 503
    scheduler.working = "run"
    assert serve.answer(scheduler, "/health") == (200, "text/plain", "run")


def test_another_process_waits_for_the_lock_or_is_told_who_has_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c",
         "import sys; from images.backup.agent.alone import alone\n"
         "with alone(sys.argv[1], 'run'): print('held', flush=True); sys.stdin.read()",
         str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert holder.stdin
    assert holder.stdout
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="run is under way"), alone(str(tmp_path), "verify"):
            pass
        with pytest.raises(BusyError), alone(str(tmp_path), "verify", patience=0.05):
            pass
        threading.Timer(0.05, holder.stdin.close).start()
        with alone(str(tmp_path), "verify", patience=60):
            assert (tmp_path / "lock").read_text() == "verify"
    finally:
        holder.kill()
        holder.wait()


def test_a_kill_lets_the_lock_go(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from images.backup.agent.alone import alone\n"
        "with alone(sys.argv[1], 'run'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, cwd=ROOT)
    assert killed.returncode == -9
    with alone(str(tmp_path), "verify"):
        pass


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Result] | AgentError], None]:
    """Decides what the next backup comes to."""

    def decide(given: Sequence[Result] | AgentError) -> None:
        def back_up(*_: object) -> list[Result]:
            if isinstance(given, AgentError):
                raise given
            return list(given)

        monkeypatch.setattr(tasks, "back_up", back_up)

    return decide


def made(name: str, **more: object) -> Result:
    return Result(source=name, **{"snapshot": "1a2b", "counted": 7, "size": 99, **more})  # type: ignore[arg-type]


def figures(world: World) -> dict[str, float]:
    """The metrics by name and labels, as a scrape reads them."""
    status, _, text = serve.answer(world.scheduler(), "/metrics")
    assert status == 200
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


GOOD = 'manacore_backup_last_success_timestamp_seconds{source="postgres/chat"}'


def test_before_the_first_backup_the_metrics_claim_nothing(world: World) -> None:
    assert set(figures(world)) == {
        'manacore_backup_next_timestamp_seconds{verb="run"}',
        'manacore_backup_next_timestamp_seconds{verb="verify"}',
    }


def test_a_backup_is_in_the_metrics(
    world: World, results: Callable[[Sequence[Result] | AgentError], None]
) -> None:
    results([made(CHAT, seconds=1.5), made("postgres/uload")])
    tasks.run(world.settings, START)
    found = figures(world)
    assert found["manacore_backup_ok"] == 1
    assert found[GOOD] == pytest.approx(START.timestamp(), abs=60)
    assert found['manacore_backup_bytes{source="postgres/chat"}'] == 99
    assert found['manacore_backup_duration_seconds{source="postgres/chat"}'] == 1.5
    assert found['manacore_backup_suspect{source="postgres/chat"}'] == 0


@pytest.mark.parametrize(
    ("second", "ok", "suspect", "stored"),
    [
        ([made(CHAT, problem="suspect: empty"), made("postgres/uload")], 1, 1, 1),
        ([Result(source=CHAT, problem="pg_dump failed"), made("postgres/uload")], 0, 0, 0),
        (AgentError("the bucket cannot be reached"), 0, 0, 1),
    ],
)
def test_a_backup_that_is_not_good_keeps_the_time_of_the_last_good_one(
    world: World,
    results: Callable[[Sequence[Result] | AgentError], None],
    second: Sequence[Result] | AgentError,
    ok: int,
    suspect: int,
    stored: int,
) -> None:
    results([made(CHAT), made("postgres/uload")])
    tasks.run(world.settings, START)
    good = figures(world)[GOOD]
    results(second)
    try:
        tasks.run(world.settings, START + timedelta(days=1))
    except AgentError as error:
        assert error is second
    found = figures(world)
    assert found["manacore_backup_ok"] == ok
    assert found['manacore_backup_suspect{source="postgres/chat"}'] == suspect
    assert found['manacore_backup_stored{source="postgres/chat"}'] == stored
    assert found[GOOD] == good


def test_a_proof_that_does_not_hold_is_in_the_metrics_and_proves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs = [Proof(source=CHAT, age_hours=2), Proof(source="postgres/uload", age_hours=2)]

    def verify(*_: object) -> list[Proof]:
        return proofs

    monkeypatch.setattr(tasks, "verify", verify)
    tasks.prove(world.settings, START)
    proven = "manacore_verify_last_success_timestamp_seconds"
    first = figures(world)
    assert first['manacore_verify_ok{source="postgres/chat"}'] == 1
    assert first['manacore_verify_backup_age_seconds{source="postgres/chat"}'] == 7200

    proofs[1] = Proof(source="postgres/uload", problems=["table t is missing"])
    tasks.prove(world.settings, START + timedelta(days=7))
    second = figures(world)
    assert second['manacore_verify_ok{source="postgres/uload"}'] == 0
    assert second[proven] == first[proven]
    assert second["manacore_verify_done"] == 1, "it need not be done again by the hour"


COPY = "sftp://u1@127.0.0.1:23/copy"
COPIED = "manacore_copy_last_success_timestamp_seconds"


def test_a_copy_comes_after_the_backup_and_before_the_proof_where_one_is_wanted(
    world: World,
) -> None:
    assert [job.verb for job in serve.jobs(world.settings)] == ["run", "verify"]
    world.copy_to = COPY
    jobs = serve.jobs(world.settings)
    assert [job.verb for job in jobs] == ["run", "copy", "verify"]
    assert jobs[1].slot == Slot.read("03:00")


def test_a_copy_that_failed_keeps_the_time_of_the_last_good_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [Copied(copy="copy"), Copied(copy="copy/redis")]

    def copy(_: object) -> list[Copied]:
        return results

    monkeypatch.setattr(second_copy, "copy", copy)
    world.copy_to = COPY
    assert figures(world)["manacore_copy_wanted"] == 1
    assert COPIED not in figures(world)
    (act,) = (job.act for job in serve.jobs(world.settings) if job.verb == "copy")
    assert act(START) == []
    first = figures(world)
    assert (first["manacore_copy_ok"], first[COPIED]) == (
        1,
        pytest.approx(START.timestamp(), abs=60),
    )

    results[1] = Copied(copy="copy/redis", problem="the bucket lacks 3 backups")
    assert act(START + timedelta(days=1)) == ["copy/redis: the bucket lacks 3 backups"]
    second = figures(world)
    assert (second["manacore_copy_ok"], second[COPIED]) == (0, first[COPIED])
    read = Journal.read(str(world.work), START)
    assert read.copy
    assert not read.copy.done, "it is tried again"


def test_a_copy_whose_server_is_away_is_written_down_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(_: object) -> list[Copied]:
        raise AgentError("the copy's server cannot be reached")

    monkeypatch.setattr(second_copy, "copy", copy)
    world.copy_to = COPY
    with pytest.raises(AgentError):
        tasks.copy(world.settings, START)
    assert figures(world)["manacore_copy_ok"] == 0


def test_the_proof_of_the_copy_is_in_the_metrics(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify(*_: object) -> list[Proof]:
        return [Proof(source="copy"), Proof(source="copy/redis", problems=["check failed"])]

    monkeypatch.setattr(tasks, "verify", verify)
    world.copy_to = COPY
    tasks.prove(world.settings, START)
    assert figures(world)['manacore_verify_ok{source="copy"}'] == 1
    assert 'manacore_verify_ok{source="copy/redis"}' not in figures(world), "there is no Redis"


def test_after_ten_weeks_every_part_of_the_copy_was_read() -> None:
    read = {copy_proof.subset(START + timedelta(weeks=week), 10) for week in range(10)}
    assert read == {f"{part}/10" for part in range(1, 11)}


def test_an_unexpected_failure_is_written_down_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks, "back_up", full)
    with pytest.raises(OSError, match="No space"):
        tasks.run(world.settings, START)
    read = Journal.read(str(world.work), START)
    assert read.run
    assert not read.run.done


def test_a_database_that_is_no_longer_backed_up_leaves_the_metrics(world: World) -> None:
    read = Journal.read(str(world.work), START)
    read.backed_up(attempt(START), {"gone": journal.Backup(good=START)}).write(str(world.work))
    assert not any("gone" in name for name in figures(world))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"since": "yesterday"}', "\x00"])
def test_a_journal_that_cannot_be_read_stops_no_backup(world: World, text: str) -> None:
    (world.work / "journal.json").write_text(text)
    world.go(world.scheduler(), "2026-11-26 02:30")
    assert world.done == ["run Thu 02:00"]


def test_the_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    wrote = Journal(
        since=START,
        run=attempt(START),
        verify=attempt(START, done=False),
        proven=START,
        backups={
            "chat": journal.Backup(good=START, stored=True, counted=3),
            "new": journal.Backup(),
        },
        proofs={"chat": journal.Proof(held=True, age_hours=1.5)},
        copy=attempt(START),
        copied_at=START,
    )
    wrote.write(str(tmp_path))
    assert Journal.read(str(tmp_path), at("2030-01-01")) == wrote
    assert [file.name for file in tmp_path.iterdir()] == ["journal.json"]


def test_a_start_removes_what_a_kill_left_and_nothing_else(world: World) -> None:
    for name in ("verify-a1", "fetch-b2", "restore-c3", "dumps", "other"):
        (world.work / name).mkdir()
    sweep(world.settings)
    assert [file.name for file in world.work.iterdir()] == ["other"]


def test_it_answers_over_http(world: World) -> None:
    http = serve.server(world.scheduler(), ("127.0.0.1", 0))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{http.server_port}"
    try:
        assert httpx.get(f"{url}/health").text == "waiting"
        metrics = httpx.get(f"{url}/metrics")
        assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "# TYPE manacore_backup_next_timestamp_seconds gauge" in metrics.text
        assert httpx.get(f"{url}/journal.json").status_code == 404
    finally:
        http.shutdown()
        http.server_close()


@pytest.mark.parametrize("key", ["run_at", "verify_at", "copy_at"])
def test_settings_with_a_wrong_time_are_refused_before_anything_runs(
    tmp_path: Path, key: str
) -> None:
    told: dict[str, object] = {
        "repository": "s3:http://x/b", "password_file": __file__, "credentials_file": __file__,
        "passfile": __file__, "host": "", "port": 1, "user": "", "databases": [], "work": "",
    }  # fmt: skip
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**told, key: "at night"}))
    with pytest.raises(AgentError, match=f"{key}: 'at night' is no time"):
        Settings.read(file)
