"""Credentials of the local cloud: made once at random, kept until it goes down."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

TOKENS = ("HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN", "GITHUB_TOKEN", "PULUMI_CONFIG_PASSPHRASE")


@dataclass(frozen=True)
class Credentials:
    """Tokens, passphrase, SSH key pair and third parties' secrets in one private folder."""

    folder: Path

    def private_key(self, stack: str) -> Path:
        """Log in to a stack's servers with it.

        Each stack has its own: Hetzner takes a public key only once in a project, and the stacks
        of a local cloud share one.
        """
        return self._pair(stack)

    @property
    def copy_key(self) -> Path:
        """Log in to the Storage Box with it."""
        return self._pair("copy")

    @property
    def box_key(self) -> Path:
        """The Storage Box's own: who connects knows by it that it is no other."""
        return self._pair("box")

    @property
    def passphrase_file(self) -> Path:
        """What encrypts the stacks' secrets."""
        return self.folder / "passphrase"

    def public_key(self, stack: str) -> str:
        """The line of a stack for `authorized_keys`."""
        return self.public(self.private_key(stack))

    @staticmethod
    def public(private: Path) -> str:
        """The public half of a pair: its type and its base64, without a comment."""
        return " ".join(private.with_suffix(".pub").read_text().split()[:2])

    @property
    def _file(self) -> Path:
        return self.folder / "credentials.json"

    def ensure(self) -> None:
        """Make what is missing."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        values = self._read()
        if not all(name in values for name in TOKENS):
            self._write({**{name: secrets.token_hex(32) for name in TOKENS}, **values})
        self.passphrase_file.touch(mode=0o600)
        self.passphrase_file.write_text(self.tokens()["PULUMI_CONFIG_PASSPHRASE"])

    def tokens(self) -> dict[str, str]:
        """The variables that clients of the three vendors and the engine read."""
        values = self._read()
        return {name: values[name] for name in TOKENS}

    def service_secrets(self, names: Iterable[str]) -> dict[str, str]:
        """Values of third parties' secrets, which nobody checks here."""
        values = self._read()
        wanted = {f"secret:{name}": name for name in names}
        if missing := [key for key in wanted if key not in values]:
            values |= {key: secrets.token_urlsafe(24) for key in missing}
            self._write(values)
        return {name: values[key] for key, name in wanted.items()}

    def _pair(self, name: str) -> Path:
        file = self.folder / f"id_ed25519_{name}"
        if not file.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
            subprocess.run(command, check=True, capture_output=True)
        return file

    def _read(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        return cast("dict[str, str]", json.loads(self._file.read_text()))

    def _write(self, values: dict[str, str]) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(values, indent=2))
        fresh.replace(self._file)
