"""The Pulumi engine: on PATH when recent enough, else installed, else built from its module."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from localcloud.home import Home

VERSION = "3.274.1"
OLDEST = (3, 240, 0)
INSTALLER = "https://get.pulumi.com"
MODULE = "github.com/pulumi/pulumi/pkg/v3"
# The oldest Go that fetches the toolchain named in a go.mod by itself.
OLDEST_GO = (1, 21)
PROBE_SECONDS = 3
# Ends the URL of a file backend that keeps no `.attrs` notes beside its files. Source: the options
# of gocloud.dev/blob/fileblob, to which the engine hands them on.
NO_ATTRIBUTES = "?metadata=skip"

Say = Callable[[str], None]


class EngineError(Exception):
    """No engine could be had; the message says why and what to do."""


def find(home: Home, environment: Mapping[str, str] | None = None) -> Path | None:
    """The engine to use: our own build, or one on PATH that is recent enough."""
    path = (os.environ if environment is None else environment).get("PATH", "")
    on_path = shutil.which("pulumi", path=path)
    candidates = [Path(on_path)] if on_path else []
    candidates.append(home.engine / "pulumi")
    for candidate in candidates:
        found = version_of(candidate)
        if found is not None and found >= OLDEST:
            return candidate
    return None


def ensure(home: Home, say: Say) -> Path:
    """The engine, made available if need be.

    Raises `EngineError` when it is neither there, nor to be installed, nor to be built.
    """
    found = find(home)
    if found is not None:
        return found
    home.engine.mkdir(parents=True, exist_ok=True)
    if _reachable(INSTALLER):
        say(f"installing Pulumi {VERSION} with the official installer into {home.engine}")
        _install(home)
    else:
        say(f"building Pulumi {VERSION} from its Go module into {home.engine} (minutes, once)")
        _build(home)
    made = home.engine / "pulumi"
    if version_of(made) is None:
        raise EngineError(f"{made} does not run; delete {home.engine} and try again")
    return made


def version_of(binary: Path) -> tuple[int, int, int] | None:
    """The version that a pulumi binary gives of itself; nothing when it does not run."""
    try:
        changed = binary.stat().st_mtime_ns
    except OSError:
        return None
    return _told(binary, changed)


@functools.cache
def _told(binary: Path, _changed: int) -> tuple[int, int, int] | None:
    """Asked once a process: its start alone is a third of a second of CPU."""
    try:
        told = subprocess.run(
            [str(binary), "version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", told.stdout.strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def go_version(told: str) -> tuple[int, int] | None:
    """The version in what `go version` prints."""
    match = re.search(r"go(\d+)\.(\d+)", told)
    return (int(match[1]), int(match[2])) if match else None


def has_go() -> bool:
    """Whether a Go that can build the engine is on PATH."""
    if shutil.which("go") is None:
        return False
    # GOTOOLCHAIN=local: what is asked is the version of this Go, not of one it would fetch.
    told = subprocess.run(
        ["go", "version"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    found = go_version(told.stdout)
    return found is not None and found >= OLDEST_GO


def needs_go(home: Home) -> bool:
    """Whether the engine has to be built and there is no Go to build it with."""
    return find(home) is None and not has_go() and not _reachable(INSTALLER)


def _reachable(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:  # noqa: S310 - a constant
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _install(home: Home) -> None:
    with urllib.request.urlopen(INSTALLER, timeout=30) as answer:
        script = answer.read()
    unpacked = home.engine / "official"
    arguments = ["--version", VERSION, "--install-root", str(unpacked), "--no-edit-path"]
    done = subprocess.run(["sh", "-s", "--", *arguments], input=script, check=False)
    if done.returncode != 0:
        raise EngineError(f"the installer of {INSTALLER} failed; install Pulumi by hand")
    link = home.engine / "pulumi"
    link.unlink(missing_ok=True)
    # A link, not a copy: the language hosts are found beside the real binary.
    link.symlink_to(unpacked / "bin" / "pulumi")


def _build(home: Home) -> None:
    if not has_go():
        wanted = ".".join(str(part) for part in OLDEST_GO)
        raise EngineError(f"Go {wanted} or newer is needed to build the engine: install it")
    source = home.engine / "src"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    log = home.engine / "build.log"
    # A module of our own that requires the engine's: `go install pkg@version` refuses a module
    # with replace directives. The version is linked in: the Automation API insists on it.
    flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
    command = f"{MODULE}/cmd/pulumi"
    building = home.engine / "pulumi.building"
    # GOTOOLCHAIN=auto: the engine's module names the Go it wants, which an older one fetches.
    environment = {**os.environ, "GOTOOLCHAIN": "auto", "GOWORK": "off", "GOFLAGS": ""}
    with log.open("w") as out:
        for arguments in (
            ["go", "mod", "init", "engine"],
            ["go", "get", "-tool", f"{command}@v{VERSION}"],
            ["go", "build", "-buildvcs=false", "-ldflags", flags, "-o", str(building), command],
        ):
            done = subprocess.run(
                arguments,
                cwd=source,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode != 0:
                end = "\n".join(log.read_text().splitlines()[-15:])
                raise EngineError(f"{' '.join(arguments[:2])} failed; {log}:\n{end}")
    building.replace(home.engine / "pulumi")
