"""A persistent OpenSSH connection that brings a remote Docker socket to this machine.

The official plugin starts `ssh ... docker system dial-stdio` for every connection. One `ssh -N -L`
with the same options is faster by far and does not run into the server's MaxStartups.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from localcloud.providers.framework import ProviderError

_START_SECONDS: Final = 30.0
_REMOTE_SOCKET: Final = "/var/run/docker.sock"


@dataclass(frozen=True)
class SshAddress:
    """Where an `ssh://` host is."""

    host: str
    user: str | None
    port: int | None
    socket: str

    @staticmethod
    def parse(url: str) -> SshAddress:
        """The parts of `ssh://[user@]host[:port][/path/of/docker.sock]`, read as Docker does."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise ProviderError(f"docker host {url!r}: expected ssh://[user@]host[:port]")
        if parts.password or parts.query or parts.fragment:
            raise ProviderError(f"docker host {url!r}: no password, query or fragment is allowed")
        path = parts.path if parts.path not in ("", "/") else _REMOTE_SOCKET
        return SshAddress(parts.hostname, parts.username, parts.port, path)


class Tunnel:
    """One `ssh` process and the local socket that leads to the remote Docker."""

    def __init__(self, url: str, options: Sequence[str]) -> None:
        self._address = SshAddress.parse(url)
        self._url = url
        self._options = tuple(options)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def socket(self) -> Path:
        """The local socket; the connection is made when there is none (any more)."""
        with self._lock:
            if self._process is None or self._process.poll() is not None or self._folder is None:
                self._close()
                self._open()
            if self._folder is None:
                raise ProviderError(f"cannot reach {self._url}")
            return Path(self._folder.name) / "docker.sock"

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._close()

    def _open(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="manacore-docker-")
        socket = Path(folder.name) / "docker.sock"
        process = subprocess.Popen(
            self._command(socket),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal ends the providers in their order
        )
        until = time.monotonic() + _START_SECONDS
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                _, errors = process.communicate()
                folder.cleanup()
                raise ProviderError(self._explain(process.returncode, errors))
            time.sleep(0.02)
        # Nobody reads it later; a full pipe would stop ssh.
        threading.Thread(target=_drain, args=(process,), daemon=True).start()
        self._folder, self._process = folder, process

    def _command(self, socket: Path) -> list[str]:
        address = self._address
        command = ["ssh", "-N", "-T", "-o", "ControlMaster=no", "-o", "ControlPath=none"]
        command += self._options
        command += [
            *("-o", "BatchMode=yes"),
            *("-o", "ExitOnForwardFailure=yes"),
            *("-o", "ServerAliveInterval=5"),
            *("-o", "ServerAliveCountMax=3"),
            *("-o", "StreamLocalBindUnlink=yes"),
            *("-L", f"{socket}:{address.socket}"),
        ]
        if address.user:
            command += ["-l", address.user]
        if address.port:
            command += ["-p", str(address.port)]
        return [*command, "--", address.host]

    def _explain(self, code: int | None, errors: bytes) -> str:
        return (
            f"error during connect: ssh to {self._url} has exited with exit status {code}, please "
            "make sure the URL is valid, and Docker 18.09 or later is installed on the remote "
            f"host: stderr={errors.decode(errors='replace').strip()}"
        )

    def _close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._folder = None


def _drain(process: subprocess.Popen[bytes]) -> None:
    if process.stderr is not None:
        for _ in process.stderr:
            continue
    process.wait()
