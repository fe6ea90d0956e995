"""A restore closes a database for a moment: killed in it, the agent opens it again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.images.asking import backed_up
from tests.images.bench import Bench

pytestmark = [pytest.mark.local, pytest.mark.full]
CLOSED, OPEN = "0", "-1"


def limit(bench: Bench) -> str:
    """How many connections the database may have."""
    return bench.sql("SELECT datconnlimit FROM pg_database WHERE datname = 'chat'", "postgres")


@contextmanager
def name_held(bench: Bench) -> Generator[None]:
    """Nobody can give the database another name meanwhile."""
    with subprocess.Popen(
        ["psql", *bench.psql_options, "-d", "postgres"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=bench.environment, **bench.user,
    ) as other:  # fmt: skip
        assert other.stdin
        assert other.stdout
        other.stdin.write("BEGIN; COMMENT ON DATABASE chat IS 'held'; SELECT 'held';\n")
        other.stdin.flush()
        assert other.stdout.readline() == "held\n"
        yield
        other.stdin.close()


def test_a_restore_that_is_killed_leaves_no_database_closed(bench: Bench) -> None:
    backed_up(bench)
    with name_held(bench):
        restore = subprocess.Popen(
            bench.command("restore", "postgres/chat"),
            stdout=subprocess.DEVNULL, env=bench.environment, start_new_session=True, **bench.user,
        )  # fmt: skip
        bench.until(lambda: limit(bench) == CLOSED)
        os.killpg(restore.pid, signal.SIGKILL)
        restore.wait()
    assert limit(bench) == CLOSED

    bench.more = {**bench.more, "serve_port": 0}
    agent = bench.start_process(*bench.command("serve"))
    try:
        bench.until(lambda: limit(bench) == OPEN)
        bench.until(lambda: "chat: open again" in bench.logs())
    finally:
        agent.terminate()
        agent.wait()
    assert bench.sql("SELECT count(*) FROM messages") == "1000"
    assert not (bench.root / "work/closed.json").exists()
