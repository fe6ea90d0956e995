"""Set-up before the virtual environment exists: check, packages, environment, engine.

`python3 -m localcloud.setup PURPOSE [-- PROGRAM ARGUMENT...]`, standard library only. PURPOSE is
`tools` (the command line on real clouds, static checks), `engine` (with the Pulumi engine, for the
unit tests) or `local` (what the local cloud needs, which gets the engine itself). The program is
then run inside the environment, with the times of these steps handed over. Repeating it costs a
fraction of a second.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from localcloud import engine, packages, preflight
from localcloud.home import Home
from localcloud.steps import Steps

Purpose = Literal["tools", "engine", "local"]
_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"


class SetupError(Exception):
    """Set-up cannot go on; the message is for the person who started it."""


def main(arguments: Sequence[str]) -> int:
    """Set up, then become the program after `--`."""
    before, _, program = _split(arguments)
    steps = Steps()
    try:
        python = set_up(_purpose(before), Home.from_environment(), steps)
    except (SetupError, packages.PackageError, engine.EngineError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    if program:
        environment = {**os.environ, **steps.hand_over()}
        os.execve(str(python), [str(python), *program], environment)  # noqa: S606 - our own list
    return 0


def set_up(purpose: Purpose, home: Home, steps: Steps, root: Path = ROOT) -> Path:
    """Check the machine, install what is missing, and return the environment's Python.

    Raises `SetupError` with everything that is lacking before anything is touched.
    """
    wanted = wanted_packages(purpose, home)
    if purpose == "local":
        check_machine(home, [package.name for package in wanted])
    _install(wanted, steps)
    python = environment_of(root, steps)
    if purpose == "engine":
        with steps.step("engine"):
            engine.ensure(home, steps.say)
    return python


def wanted_packages(purpose: Purpose, home: Home) -> list[packages.Package]:
    """The packages that this machine lacks for the purpose."""
    wanted = packages.missing(packages.TOOLS)
    if purpose == "local":
        wanted += packages.missing(packages.LOCAL)
        builders = packages.missing(packages.WITHOUT_PUBLIC_IMAGES)
        if builders and not packages.public_images_answer():
            wanted += builders
    named = [package.name for package in wanted]
    if purpose != "tools" and packages.GOLANG.name not in named and engine.needs_go(home):
        wanted.append(packages.GOLANG)
    return wanted


def check_machine(home: Home, missing: Sequence[str]) -> None:
    """Raise `SetupError` with one screen of what the machine lacks."""
    machine = preflight.Machine.of_here(home)
    if runs_already(home):
        machine = replace(machine, ports_taken=())
    found = preflight.problems(machine, home, missing)
    if found:
        raise SetupError(preflight.screen(found))


def runs_already(home: Home) -> bool:
    """Whether a local cloud of this home holds the ports."""
    return home.run.is_dir() and any(home.run.glob("*.pid"))


def environment_of(root: Path, steps: Steps) -> Path:
    """The Python of `.venv`, made anew when requirements.txt or the interpreter changed."""
    folder = root / ".venv"
    python = folder / "bin" / "python"
    stamp = folder / "requirements.sha256"
    wanted = stamp_of(root / "requirements.txt")
    if python.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return python
    with steps.step("virtual environment", f"Python packages of requirements.txt into {folder}"):
        fresh = [] if python.exists() else ["--clear"]
        _run([sys.executable, "-m", "venv", *fresh, str(folder)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(root / "requirements.txt")])
        stamp.write_text(wanted)
    return python


def stamp_of(requirements: Path) -> str:
    """What the environment depends on: the pinned packages and the interpreter."""
    interpreter = ".".join(str(part) for part in sys.version_info[:2])
    return hashlib.sha256(requirements.read_bytes() + interpreter.encode()).hexdigest()


def _purpose(arguments: Sequence[str]) -> Purpose:
    for purpose in _PURPOSES:
        if list(arguments) == [purpose]:
            return purpose
    raise SetupError(f"Set up what? One of {', '.join(_PURPOSES)}.")


def _install(wanted: Sequence[packages.Package], steps: Steps) -> None:
    if not wanted:
        return
    if os.geteuid() != 0:
        names = " ".join(packages.offered(wanted))
        raise SetupError(f"Missing Debian packages; as root: apt-get install {names}")
    described = ", ".join(f"{package.name} ({package.purpose})" for package in wanted)
    with steps.step("Debian packages", f"installing {described}"):
        packages.install(wanted)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise SetupError(f"{' '.join(command)} failed:\n{said}")


def _split(arguments: Sequence[str]) -> tuple[list[str], str, list[str]]:
    if "--" not in arguments:
        return list(arguments), "", []
    at = list(arguments).index("--")
    return list(arguments[:at]), "--", list(arguments[at + 1 :])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
