"""The public registry, for machines that reach it: real images instead of ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import httpx

from localcloud.images.model import ImageError

VARIABLE = "MANACORE_PUBLIC_IMAGES"
Policy = Literal["auto", "always", "never"]
REACHABLE_WITHIN = 2.0


def policy(environment: Mapping[str, str] | None = None) -> Policy:
    """Whether infrastructure images are pulled: `$MANACORE_PUBLIC_IMAGES`, by default `auto`.

    `auto` pulls them where the public registry answers within two seconds.
    """
    value = (os.environ if environment is None else environment).get(VARIABLE, "auto")
    match value:
        case "auto" | "always" | "never":
            return value
        case _:
            raise ImageError(f"{VARIABLE}={value}: expected auto, always or never")


def reachable(url: str = "https://registry-1.docker.io/v2/") -> bool:
    """Whether the public registry answers as one (it asks for a login, which is enough)."""
    try:
        return httpx.get(url, timeout=REACHABLE_WITHIN).status_code in (200, 401)
    except (httpx.HTTPError, OSError):
        return False


def mirror(reference: str, target: str) -> None:
    """Pull a public image and push it as `target`."""
    _docker("pull", "--quiet", reference)
    _docker("tag", reference, target)
    _docker("push", "--quiet", target)


def build(folder: Path, arguments: Mapping[str, str], target: str) -> None:
    """Build an image of ours from the Dockerfile in a folder, on public ones, and push it."""
    given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    _docker("build", "--quiet", *given, "--tag", target, str(folder))
    _docker("push", "--quiet", target)


def _docker(*arguments: str) -> None:
    command = ("docker", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
