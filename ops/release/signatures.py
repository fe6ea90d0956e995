"""Signatures of images: what goes live was signed with the key that the stack trusts.

cosign checks them (https://docs.sigstore.dev/cosign/verifying/verify/).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ops.failures import OpsError
from ops.release.digests import Login

_AT_ONCE = 8
_PATIENCE_SECONDS = 60


class UnsignedImagesError(OpsError):
    """Images of a set without a signature of the trusted key, all at once."""


@dataclass(frozen=True, kw_only=True)
class Signatures:
    """The key (PEM) that images are signed with, and the logins of private registries."""

    key: str
    logins: Mapping[str, Login] = field(default_factory=dict[str, Login])

    def verify(self, images: Iterable[str]) -> None:
        """Check images, each `name:tag@sha256:...`.

        A signature is of a digest, so what a tag means later changes nothing. Raises
        `UnsignedImagesError` with all that are not signed so, and `OpsError` without cosign.
        """
        wanted = tuple(dict.fromkeys(images))
        program = shutil.which("cosign")
        if program is None:
            raise OpsError(
                "cosign is not there, and manacore:image_key asks for signatures.",
                ["remedy: https://docs.sigstore.dev/cosign/system_config/installation/"],
            )
        with tempfile.TemporaryDirectory() as folder:
            # By files: others of this machine may read a command line.
            key = Path(folder) / "image.pub"
            key.write_text(self.key, encoding="utf-8")
            config = Path(folder) / "config.json"
            config.touch(mode=0o600)
            config.write_text(json.dumps(self._docker_config()), encoding="utf-8")
            command = [program, "verify", "--key", str(key), "--output", "json"]
            # The key alone is trusted: no public log of private images, and none to be asked.
            command.append("--insecure-ignore-tlog=true")
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                answers = list(pool.map(partial(_ask, command, folder), wanted))
        refused = [
            f"{image}: {answer}" for image, answer in zip(wanted, answers, strict=True) if answer
        ]
        if refused:
            raise UnsignedImagesError(
                "Images without a valid signature; nothing was touched:",
                [*refused, "remedy: docs/runbooks/release.md, Signatures"],
            )

    def _docker_config(self) -> dict[str, object]:
        return {
            "auths": {
                registry: {"auth": login.basic.removeprefix("Basic ")}
                for registry, login in self.logins.items()
            }
        }


def _ask(command: list[str], config: str, image: str) -> str:
    """What is wrong by cosign's word; nothing when the signature is valid."""
    try:
        done = subprocess.run(
            [*command, image],
            env={**os.environ, "DOCKER_CONFIG": config},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer for {_PATIENCE_SECONDS} s"
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "")
    return told.removeprefix("Error: ") or f"cosign ended with {done.returncode}"
