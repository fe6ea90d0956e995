"""A real server of OpenSSH that takes the second copy, as one unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

PATH = "backups/staging"
# An unprivileged server may not read the shadow file, and takes every account for locked without
# PAM. What a user's shell runs is refused to an account without one: `internal-sftp` is none.
_CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM yes
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp -d {folder}/files
"""
# Writes down all that could be read of it and of restic, which began it. With a limit, a copy
# stands still after so many bytes.
_SSH = """\
#!/bin/bash
{{ printf '%s\\n' "$@"; tr '\\0' '\\n' </proc/$PPID/cmdline
   tr '\\0' '\\n' </proc/$PPID/environ; }} >>{folder}/seen
limit=$(cat {folder}/limit 2>/dev/null)
[[ $limit ]] && grep -qzx copy /proc/$PPID/cmdline || exec {ssh} "$@"
{{ stdbuf -o0 head -c "$limit"; echo $BASHPID >{folder}/pipe; exec sleep 3600; }} | {ssh} "$@"
"""


@dataclass
class Box:
    """Everything below `folder`; `trusted` is the host key that the agent is told."""

    folder: Path
    ids: tuple[int, int]
    port: int = field(default_factory=free_port)
    trusted: str = ""

    def make(self, tools: Path) -> None:
        """Make keys and folders, and put the client among the agent's tools."""
        for name in ("host_key", "key", "another_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name]
            subprocess.run(command, check=True, cwd=self.folder)
        (self.folder / "sshd_config").write_text(
            _CONFIGURATION.format(port=self.port, folder=self.folder)
        )
        os.mkfifo(self.folder / "pipe")
        ssh = shutil.which("ssh")
        (tools / "ssh").write_text(_SSH.format(folder=self.folder, ssh=ssh))
        (tools / "ssh").chmod(0o755)
        self.empty()
        self.trust("host_key")
        self.admit("key")

    def empty(self) -> None:
        """Drop all files of the copy."""
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir()
        self.own()

    def own(self) -> None:
        """Give everything to the user."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, *self.ids)

    def trust(self, key: str) -> None:
        """Let the agent take this for the server's key."""
        self.trusted = " ".join((self.folder / f"{key}.pub").read_text().split()[:2])

    def admit(self, key: str) -> None:
        """Let the server take this for the agent's key, and no other."""
        shutil.copy(self.folder / f"{key}.pub", self.folder / "authorized_keys")
        self.own()

    def stand_still_after(self, limit: int | None) -> None:
        """Let no more bytes of a copy through than these; None: let all through."""
        (self.folder / "limit").write_text("" if limit is None else str(limit))
        self.own()

    @property
    def files(self) -> Path:
        """What the user sees of it."""
        return self.folder / "files"

    def objects(self, prefix: str) -> set[Path]:
        """The files of the copy below a prefix."""
        return {path for path in (self.files / PATH / prefix).rglob("*") if path.is_file()}

    @property
    def private_key(self) -> str:
        """What nobody is to see."""
        return (self.folder / "key").read_text()

    @property
    def address(self) -> str:
        """The copy, as restic writes it."""
        user = pwd.getpwuid(self.ids[0]).pw_name
        return f"sftp://{user}@127.0.0.1:{self.port}/{PATH}"

    @property
    def command(self) -> list[str]:
        """How the server is started."""
        return ["-D", "-e", "-f", f"{self.folder}/sshd_config"]

    def settings(self, secrets: Path) -> dict[str, Any]:
        """What the agent is told."""
        return {
            "copy_to": self.address,
            "copy_key_file": f"{secrets}/copy_key",
            "copy_known_hosts": f"{secrets}/copy_known_hosts",
        }

    def secret_files(self) -> dict[str, str]:
        """The files that the settings name."""
        known = f"[127.0.0.1]:{self.port} {self.trusted}\n"
        return {"copy_key": self.private_key, "copy_known_hosts": known}
