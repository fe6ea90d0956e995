"""Both stacks register with the light classes what they register with the vendors' own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.components.sdk.registrations import VENDORS, Requests


def python(*arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_stack_registers_the_same(stack: str) -> None:
    module = "tests.components.sdk.registrations"
    ours: Requests = json.loads(python("-m", module, stack))
    theirs: Requests = json.loads(python("-m", module, stack, "official"))
    vendors = {request["type"].partition(":")[0] for request in ours}
    assert {*VENDORS} <= vendors
    assert [(r["type"], r["name"]) for r in ours] == [(r["type"], r["name"]) for r in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one == other


def test_the_program_imports_none_of_their_packages() -> None:
    found = json.loads(
        python("-c", "import json, sys, stacks.program; print(json.dumps(list(sys.modules)))")
    )
    packages = {f"pulumi_{vendor}" for vendor in VENDORS}
    assert "components.sdk.docker" in found
    assert not {name for name in found if name.partition(".")[0] in packages}
