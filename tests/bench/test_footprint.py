"""What is measured of processes, and which limit breaks."""

from __future__ import annotations

import subprocess
import sys
import zlib

import pytest

from bench.data import Text
from bench.footprint import measured
from bench.ledger import Ledger

MEBIBYTE = 2**20
# Until its input ends: it is looked at meanwhile, and both have ended when that is.
_HOLDS = "held = bytearray(64 * 2**20)\nprint(flush=True)\ninput()"
_WORKS = "import time\nwhile time.process_time() < 0.3: pass"


def test_memory_is_that_of_the_processes_below_and_not_of_those_apart() -> None:
    def held(apart: bool) -> int:
        with subprocess.Popen(
            [sys.executable, "-c", _HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout
            child.stdout.readline()
            with measured([child.pid] if apart else []) as found:
                # Others are looked at while this one works.
                subprocess.run([sys.executable, "-c", _WORKS], check=True)
            child.communicate("\n")
        return found.memory

    assert held(apart=False) > 64 * MEBIBYTE > held(apart=True)


def test_the_time_of_processors_is_that_of_programs() -> None:
    with measured() as found:
        subprocess.run([sys.executable, "-c", _WORKS], check=True)
    assert 0.3 <= found.cpu < 3
    assert found.seconds > 0


def test_a_broken_limit_is_not_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger()
    ledger.ratio("within", 1.0, 1.0, 1.1)
    assert ledger.kept
    ledger.ratio("over", 1.2, 1.0, 1.1)
    ledger.ratio("without a limit", 9.0, 1.0)
    ledger.ratio("within", 1.0, 1.0, 1.1)
    assert not ledger.kept
    assert "OVER its limit of 1.1" in capsys.readouterr().out


def test_the_text_is_neither_random_nor_constant_and_always_the_same() -> None:
    first, second = Text.made(7, 50_000), Text.made(7, 50_000)
    written = first.some(50_000, 50_001)
    assert written == second.some(50_000, 50_001)
    assert 2 < len(written) / len(zlib.compress(written.encode())) < 4
