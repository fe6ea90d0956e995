"""Asked to end while a program of its works, the agent ends that too, and leaves nothing."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from images.backup.agent.alone import alone
from images.backup.agent.journal import Attempt, Journal
from images.backup.agent.postgres import Postgres
from images.backup.agent.process import AgentError, Programs
from localcloud.processes import wait_until

ROOT = Path(__file__).parents[2]
END_SECONDS = 20
# Nothing ends it by itself: no end of its input, and no time that a test would wait for. Its input
# comes when the agent knows of it: before that, a signal would find the agent still starting it.
_HANGS = '#!/bin/sh\nread -r line\necho $$ > "$PIPE"\nexec sleep 3600\n'
_WORKS = "#!/bin/sh\necho '{}'\n"


class _Bucket(BaseHTTPRequestHandler):
    """Tells the time, as the agent asks before anything."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library
        """Say nothing."""


@pytest.fixture
def bucket() -> Generator[str]:
    """Its address."""
    server = HTTPServer(("127.0.0.1", 0), _Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def due_at_once(work: Path) -> None:
    """A journal by which a backup was missed, and a proof was not."""
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=3)
    Journal(
        since=long_ago,
        run=Attempt(started=long_ago, ended=long_ago, done=True),
        verify=Attempt(started=now, ended=now, done=True),
    ).write(str(work))


def told_by(pipe: Path) -> int:
    """The id that the program writes when it began; waits no longer than for an end."""
    # Opened for both, so that opening waits for nobody.
    end = os.open(pipe, os.O_RDWR)
    try:
        assert select.select([end], [], [], END_SECONDS)[0], "it began nothing"
        return int(os.read(end, 32))
    finally:
        os.close(end)


@pytest.mark.parametrize("hanging", ["restic", "psql"])
def test_a_program_that_works_ends_with_the_agent(
    tmp_path: Path, bucket: str, hanging: str
) -> None:
    work, tools, pipe = tmp_path / "work", tmp_path / "tools", tmp_path / "pipe"
    work.mkdir()
    tools.mkdir()
    os.mkfifo(pipe)
    for program in ("restic", "psql"):
        (tools / program).write_text(_HANGS if program == hanging else _WORKS)
        (tools / program).chmod(0o755)
    due_at_once(work)
    told = {
        "repository": f"s3:{bucket}/backups", "password_file": __file__,
        "credentials_file": __file__, "passfile": __file__, "host": "postgres", "port": 5432,
        "user": "backup", "databases": ["chat"], "work": str(work), "serve_port": 0,
    }  # fmt: skip
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(told))
    agent = subprocess.Popen(
        [sys.executable, "-m", "agent", "--settings", str(settings), "serve"],
        env={
            "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "images/backup"),
            "PYTHONDONTWRITEBYTECODE": "1", "PIPE": str(pipe),
        },
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    program = 0
    try:
        program = told_by(pipe)
        agent.terminate()
        assert agent.wait(END_SECONDS) == 0
        assert agent.stderr
        assert "Traceback" not in agent.stderr.read()
        with pytest.raises(ProcessLookupError):
            os.kill(program, 0)
    finally:
        agent.kill()
        agent.communicate()
        if program:
            with suppress(ProcessLookupError):
                os.kill(program, 9)

    run = Journal.read(str(work), datetime.now(UTC)).run
    assert run
    assert not run.done, "it is tried again"
    assert not list(work.glob("dumps/*/*")), "no dump is left"
    with alone(str(work), "verify"):
        pass


# The main thread reads what nobody writes; another one takes the signal, which does not wake it.
_READS = """
import os, signal, sys, threading
from agent.process import end_when_asked

def take():
    sys.stdin.readline()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

end_when_asked()
threading.Thread(target=take, daemon=True).start()
try:
    nothing, open_end = os.pipe()
    print("reading", flush=True)
    os.read(nothing, 1)
finally:
    print("tidy", flush=True)
"""


def test_a_signal_that_finds_the_agent_about_to_wait_ends_it_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _READS],
        env={**os.environ, "PYTHONPATH": str(ROOT / "images/backup")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as agent:  # fmt: skip
        try:
            assert agent.stdout
            assert agent.stdout.readline() == "reading\n"
            # The other threads wait in calls of their own: so does this one, once it sleeps.
            main = Path(f"/proc/{agent.pid}/task/{agent.pid}/stat")
            assert wait_until(lambda: main.read_text().rpartition(") ")[2][0] == "S", END_SECONDS)
            said, _ = agent.communicate("now\n", END_SECONDS)
            assert (said, agent.returncode) == ("tidy\n", 0)
        finally:
            agent.kill()


def test_a_psql_that_ends_early_is_this_databases_failure_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    psql = tmp_path / "psql"
    # It reads no more before it answers the first question: the second finds nobody.
    psql.write_text("#!/bin/sh\nexec 0<&-\necho end-of-answer\n")
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def stored(command: Sequence[str], programs: Programs) -> int:
        raise AssertionError("nothing is to be dumped")

    with pytest.raises(AgentError, match="psql ended"):
        Postgres(host="postgres", port=5432, user="backup").dump("chat", "postgres/chat", stored)
