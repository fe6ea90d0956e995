"""The emulators as one real process: start, state, signals, refusals."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hcloud import Client
from hcloud.images.domain import Image
from hcloud.server_types.domain import ServerType

TOKENS = {
    "HCLOUD_TOKEN": "h" * 64,
    "CLOUDFLARE_API_TOKEN": "cloudflare-token",
    "GITHUB_TOKEN": "github-token",
}
_COUNTER = itertools.count()
SEED = {
    "cloudflare": {"account_id": "0123456789abcdef0123456789abcdef", "zones": ["example.com"]},
    "github": {"owner": "example", "repositories": ["monorepo"]},
}


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that serves, and where."""

    popen: subprocess.Popen[str]
    urls: Mapping[str, str]

    def client(self, vendor: str, variable: str) -> httpx.Client:
        """A client of one emulator, with its token."""
        headers = {"Authorization": f"Bearer {TOKENS[variable]}"}
        return httpx.Client(base_url=self.urls[vendor], headers=headers)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Exit status and error output after a signal."""
        self.popen.send_signal(number)
        _, errors = self.popen.communicate(timeout=20)
        return self.popen.returncode, errors


Start = Callable[..., Process]


@pytest.fixture
def host() -> str:
    """A loopback address of this test's own: the ports are the same for everybody."""
    return f"127.{os.getpid() % 200 + 1}.{time.monotonic_ns() % 251}.{next(_COUNTER) % 250 + 2}"


@pytest.fixture
def command(tmp_path: Path, host: str) -> list[str]:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED))
    options = ["--home", str(tmp_path), "--host", host, "--seed", str(seed)]
    return [sys.executable, "-m", "localcloud.emulators", *options, "--machines", "memory"]


@pytest.fixture
def start(command: list[str]) -> Generator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*options: str) -> Process:
        popen = subprocess.Popen(
            [*command, *options],
            env={**os.environ, **TOKENS},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(popen)
        assert popen.stdout is not None
        ready, *urls = popen.stdout.readline().split()
        assert ready == "ready"
        return Process(popen=popen, urls=dict(url.split("=", 1) for url in urls))

    yield run
    for popen in started:
        if popen.poll() is None:
            popen.kill()
        popen.communicate()


def test_three_apps_serve_and_a_restart_keeps_their_state(start: Start, tmp_path: Path) -> None:
    process = start()
    assert list(process.urls) == ["hetzner", "cloudflare", "github"]
    record = {"type": "A", "name": "www.example.com", "content": "198.51.100.10", "ttl": 1}
    with process.client("hetzner", "HCLOUD_TOKEN") as hetzner:
        made = hetzner.post("/networks", json={"name": "private", "ip_range": "10.0.0.0/16"})
        assert made.status_code == 201
    with process.client("cloudflare", "CLOUDFLARE_API_TOKEN") as cloudflare:
        zone = cloudflare.get("/zones").json()["result"][0]
        assert zone["name"] == "example.com"
        assert cloudflare.post(f"/zones/{zone['id']}/dns_records", json=record).is_success
    with process.client("github", "GITHUB_TOKEN") as github:
        assert github.get("/repos/example/monorepo").json()["name"] == "monorepo"
        assert github.put("/repos/example/monorepo/environments/staging", json={}).is_success

    assert process.end(signal.SIGTERM) == (0, "")
    process = start()

    with process.client("hetzner", "HCLOUD_TOKEN") as hetzner:
        assert [row["name"] for row in hetzner.get("/networks").json()["networks"]] == ["private"]
    with process.client("cloudflare", "CLOUDFLARE_API_TOKEN") as cloudflare:
        records = cloudflare.get(f"/zones/{zone['id']}/dns_records").json()["result"]
        assert [row["name"] for row in records] == ["www.example.com"]
    with process.client("github", "GITHUB_TOKEN") as github:
        assert github.get("/repos/example/monorepo/environments/staging").is_success
    states = sorted((tmp_path / "local" / "emulators").glob("*/state.json"))
    assert [path.parent.name for path in states] == ["cloudflare", "github", "hetzner"]


def test_a_process_that_was_killed_left_its_state(start: Start) -> None:
    process = start("--only", "hetzner")
    with process.client("hetzner", "HCLOUD_TOKEN") as hetzner:
        hetzner.post("/networks", json={"name": "private", "ip_range": "10.0.0.0/16"})
    assert process.end(signal.SIGKILL)[0] == -signal.SIGKILL

    process = start("--only", "hetzner")

    with process.client("hetzner", "HCLOUD_TOKEN") as hetzner:
        assert hetzner.get("/networks").json()["meta"]["pagination"]["total_entries"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_while_clients_are_connected(
    start: Start, number: signal.Signals
) -> None:
    process = start()
    with process.client("hetzner", "HCLOUD_TOKEN") as hetzner:
        assert hetzner.get("/locations").is_success
        assert process.end(number) == (0, "")
    with process.client("hetzner", "HCLOUD_TOKEN") as hetzner, pytest.raises(httpx.ConnectError):
        hetzner.get("/locations")


def test_a_port_in_use_is_told_in_one_line(command: list[str], host: str) -> None:
    with socket.create_server((host, 8802)):
        answer = subprocess.run(
            command, env={**os.environ, **TOKENS}, capture_output=True, text=True, check=False
        )
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == f"{host}:8802: Address already in use\n"


def test_a_token_that_was_not_registered_is_refused_by_each(start: Start) -> None:
    process = start()
    asked = {"hetzner": "/servers", "cloudflare": "/zones", "github": "/repos/example/monorepo"}
    for vendor, path in asked.items():
        url = process.urls[vendor].rstrip("/") + path
        answer = httpx.get(url, headers={"Authorization": "Bearer somebody-elses"})
        assert answer.status_code in (401, 403), vendor


def test_only_the_vendors_that_were_asked_for_are_served(start: Start) -> None:
    process = start("--only", "github", "--only", "hetzner")
    assert list(process.urls) == ["hetzner", "github"]


def test_an_action_is_resumed_after_the_process_was_killed(start: Start, tmp_path: Path) -> None:
    slow = tmp_path / "slow.json"
    slow.write_text(json.dumps({"hetzner": {"action_seconds": 2}}))
    process = start("--only", "hetzner", "--seed", str(slow))
    client = Client(TOKENS["HCLOUD_TOKEN"], api_endpoint=process.urls["hetzner"])
    made = client.servers.create(
        name="staging-1", server_type=ServerType(name="ccx33"), image=Image(name="debian-13")
    )
    assert made.action.status == "running"
    assert [action.command for action in made.next_actions] == ["start_server"]
    assert process.end(signal.SIGKILL)[0] == -signal.SIGKILL

    start("--only", "hetzner")

    for action in [made.action, *made.next_actions]:
        # The same actions, by their ids: the first process never finished them.
        found = client.actions.get_by_id(action.id)
        found.wait_until_finished()
        found.reload()
        assert (found.command, found.status) == (action.command, "success")
    server = client.servers.get_all()[0]
    assert (server.id, server.status) == (made.server.id, "running")
    server.delete().wait_until_finished()
