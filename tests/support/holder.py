"""Another process that holds something."""

from __future__ import annotations

import subprocess
import sys

from tests.support.platform import ROOT
from tests.support.server import OUTPUT

_ON_SERVER = f"""\
import sys
from ops import server_lock
with server_lock.held({{"servers": {{"main": {OUTPUT}}}}}, sys.argv[1], "a release"):
    print("held", flush=True)
    sys.stdin.read()
"""


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


def holder_on_server(stack: str) -> subprocess.Popen[str]:
    """A process of another command, which holds a stack on the server that is here."""
    return holder(_ON_SERVER, stack)
