"""Background processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from localcloud.processes import NotReadyError, Process, wait_until


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(name="sleeper", run=tmp_path / "run", logs=tmp_path / "logs")


def test_a_process_is_started_known_by_its_id_and_ended(process: Process) -> None:
    pid = process.start(["sleep", "60"], os.environ)
    try:
        assert process.pid() == pid
    finally:
        assert process.stop()
    assert process.pid() is None
    assert not process.pid_file.exists()


def test_an_id_that_another_process_has_now_is_not_ours(process: Process) -> None:
    process.run.mkdir()
    process.pid_file.write_text(f"{os.getpid()} 1")
    assert process.pid() is None
    assert process.stop() is False, "and nothing is ended"


def test_a_process_that_ends_at_once_is_reported_with_its_log(process: Process) -> None:
    process.start([sys.executable, "-c", "print('no such port'); raise SystemExit(1)"], os.environ)
    with pytest.raises(NotReadyError, match=r"(?s)sleeper ended.*no such port"):
        process.await_ready(lambda: False, timeout=20)


def test_a_process_that_does_not_answer_in_time_is_reported(process: Process) -> None:
    process.start(["sleep", "60"], os.environ)
    try:
        with pytest.raises(NotReadyError, match="did not answer within 0 s"):
            process.await_ready(lambda: False, timeout=0.2)
    finally:
        process.stop()


def test_a_process_that_ignores_the_kind_signal_is_ended_all_the_same(process: Process) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(60)"
    )
    process.start([sys.executable, "-c", stubborn], os.environ)
    assert wait_until(lambda: "ready" in process.tail(), timeout=20)
    assert process.stop(timeout=0.3)
    assert process.pid() is None
