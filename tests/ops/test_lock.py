"""One command at a time, and a killed one lets go."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ops import lock
from ops.failures import OpsError
from tests.support.holder import holder

HOLD = """\
import sys, pathlib
from ops import lock
with lock.held(pathlib.Path(sys.argv[1]), "staging", "a release"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_command_is_refused_naming_the_first(tmp_path: Path) -> None:
    process = holder(HOLD, str(tmp_path))
    try:
        with (
            pytest.raises(OpsError, match=rf"staging .* a release \(process {process.pid}"),
            lock.held(tmp_path, "staging", "an up"),
        ):
            pass
        with lock.held(tmp_path, "production", "an up"):
            pass
    finally:
        process.kill()
        process.communicate()


def test_a_killed_command_lets_go(tmp_path: Path) -> None:
    process = holder(HOLD, str(tmp_path))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with lock.held(tmp_path, "staging", "an up"):
        pass


def test_it_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), lock.held(tmp_path, "staging", "an up"):
        raise ValueError("x")
    with lock.held(tmp_path, "staging", "an up"):
        pass
