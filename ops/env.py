"""`manacore env`: the variables that point the plain command lines at the clouds."""

from __future__ import annotations

import os
import shlex

from ops import console
from ops.failures import told
from ops.options import AsJson, Local, Stack
from ops.target import Target


def env(stack: Stack = "staging", as_json: AsJson = False, local: Local = False) -> None:
    """Print shell exports: eval "$(./manacore env --local)"; then plain pulumi works."""
    with told():
        target = Target.of(stack, local=local)
    values = exported(target)
    if as_json:
        console.answer(values)
        return
    for name, value in values.items():
        console.out.file.write(f"export {name}={shlex.quote(value)}\n")
    console.out.file.write(f"# pulumi preview --cwd {shlex.quote(str(target.folder))}\n")


def exported(target: Target) -> dict[str, str]:
    """The target's variables, and a PATH that finds its engine."""
    path = os.environ.get("PATH", "")
    folder = str(target.engine.parent)
    if folder not in path.split(os.pathsep):
        path = f"{folder}{os.pathsep}{path}"
    return {**target.variables, "PATH": path}
