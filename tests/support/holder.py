"""Another process that holds something."""

from __future__ import annotations

import subprocess
import sys

from tests.support.platform import ROOT


def holder(program: str, argument: str) -> subprocess.Popen[str]:
    """A process of a Python program with an argument, once it has said `held`."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, argument],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process
