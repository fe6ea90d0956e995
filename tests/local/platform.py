"""A platform on the local cloud, used as a person uses it: by its command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from localcloud.cloud import LocalCloud
from localcloud.home import Home
from ops import ssh
from tests.support.platform import ROOT

Answer = dict[str, Any]
Remote = Callable[[str], str]
EMULATORS = {"hetzner": 8801, "cloudflare": 8802, "github": 8803}
PATIENCE = 900


def shell(server: Answer) -> Remote:
    """Runs commands on a server of the outputs, and fails with what a failing one says."""

    def run(command: str) -> str:
        done = ssh.run(server, command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    return run


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One stack on the local cloud, and the tree that its command line is run in."""

    stack: str = "staging"
    root: Path = ROOT

    def manacore(self, *arguments: str, code: int = 0) -> Answer:
        """Run `./manacore ... --local --json`; its answer, given its exit code."""
        done = self.attempt(*arguments)
        said = f"{done.stdout[-800:]} {done.stderr[-4000:]}"
        assert done.returncode == code, f"exit {done.returncode}: {said}"
        return cast("Answer", json.loads(done.stdout))

    def refused(self, *arguments: str) -> str:
        """What a command that must fail told on its standard error."""
        done = self.attempt(*arguments)
        assert done.returncode == 1, f"exit {done.returncode}: {done.stdout[-800:]}"
        assert "Traceback" not in done.stderr
        return done.stderr

    def up(self, *arguments: str) -> None:
        """Bring it up, with every service healthy."""
        up = self.manacore("up", *arguments)
        assert (up["healthy"], up["total"]) == (39, 39), up

    def preview(self, *arguments: str) -> dict[str, int]:
        """What an `up` would change; what stays the same is left out."""
        changes = self.manacore("preview", *arguments)["changes"]
        return {kind: n for kind, n in changes.items() if kind != "same"}

    def killed_when(self, reached: Callable[[], bool], *arguments: str) -> bool:
        """Start a command, and kill it and its engine with SIGKILL when `reached` says so.

        Whether it was killed; a command that ends by itself before was not.
        """
        process = subprocess.Popen(
            self._command(*arguments),
            cwd=self.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            assert time.monotonic() < deadline
            if reached():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.05)
        return False

    def outputs(self) -> Answer:
        """The stack's outputs."""
        return self.manacore("outputs")

    def remote(self, command: str, server: str = "main") -> str:
        """Run a command on a server."""
        return shell(self.outputs()["servers"][server])(command)

    def state(self) -> list[Answer]:
        """The resources in the stack's state, secrets left encrypted."""
        cloud = LocalCloud(Home.from_environment())
        done = subprocess.run(
            [str(cloud.home.root / "engine" / "pulumi"), "stack", "export", "--stack", self.stack],
            cwd=cloud.stack_folder(self.stack),
            env={**os.environ, **cloud.variables(self.stack)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return cast("list[Answer]", json.loads(done.stdout)["deployment"]["resources"])

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return subprocess.run(
            self._command(*arguments),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def _command(self, *arguments: str) -> list[str]:
        # What was done is in the tree, not in a cloud.
        cloud = [] if arguments[0] == "history" else ["--local"]
        return ["./manacore", *arguments, "--stack", self.stack, *cloud, "--json"]


def changed_tree(folder: Path, edits: Mapping[str, tuple[str, str]]) -> Path:
    """A copy of the project in which texts are replaced: {file: (old, new)}."""
    shutil.copytree(
        ROOT,
        folder,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache"),
        dirs_exist_ok=True,
    )
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for name, (old, new) in edits.items():
        file = folder / name
        text = file.read_text()
        assert old in text, f"{name} has no {old!r}"
        file.write_text(text.replace(old, new))
    return folder


def emulator(vendor: str, path: str) -> httpx.Response:
    """What a vendor's emulator answers about itself."""
    return httpx.get(f"http://127.0.0.1:{EMULATORS[vendor]}{path}", timeout=10)


def requests(vendor: str, method: str, path: str) -> int:
    """How many requests of a method to paths that end so the journal of a vendor has."""
    journal = cast("list[Answer]", emulator(vendor, "/_requests").json())
    return sum(r["method"] == method and str(r["path"]).endswith(path) for r in journal)


def _token(variable: str) -> dict[str, str]:
    token = LocalCloud(Home.from_environment()).credentials.tokens()[variable]
    return {"Authorization": f"Bearer {token}"}


def hetzner(path: str, method: str = "GET") -> list[Answer]:
    """All things of a kind that the Hetzner project has, or what became of one of them."""
    url = f"http://127.0.0.1:{EMULATORS['hetzner']}/v1/{path}"
    query = {"per_page": 50} if method == "GET" else {}
    headers = _token("HCLOUD_TOKEN")
    told = httpx.request(method, url, params=query, headers=headers, timeout=60)
    body = cast("Answer", told.raise_for_status().json())
    return cast("list[Answer]", body[path]) if method == "GET" else [body]


def cloudflare(path: str) -> list[Answer]:
    """All things of a kind that Cloudflare has."""
    url = f"http://127.0.0.1:{EMULATORS['cloudflare']}/client/v4{path}"
    headers = _token("CLOUDFLARE_API_TOKEN")
    told = httpx.get(url, params={"per_page": 1000}, headers=headers, timeout=10)
    return cast("list[Answer]", told.raise_for_status().json()["result"])


def get(address: str, host: str, path: str) -> tuple[int, str]:
    """Ask a host of the edge over TLS; status and body. Its own authority is not verified."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        secure.sendall(request.encode())
        answer = b"".join(iter(lambda: secure.recv(65536), b"")).decode(errors="replace")
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body
