"""The outer Docker daemon: a running one is used, else one is started and later stopped."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localcloud.home import Home
from localcloud.processes import Process, wait_until

LABEL = "manacore.local=true"
SYSTEMD = Path("/run/systemd/system")
PID_FILE = Path("/var/run/docker.pid")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class DaemonError(Exception):
    """The Docker daemon cannot be used or started."""


@dataclass(frozen=True)
class DockerDaemon:
    """The daemon of this machine, and whether it is ours to stop.

    Where systemd runs it is started as the service `docker`, elsewhere as a background
    process. Only one that we started is stopped, and then its firewall rules and bridge go too.
    """

    home: Home

    @property
    def process(self) -> Process:
        """The daemon as our background process."""
        return Process(name="dockerd", run=self.home.run, logs=self.home.logs)

    @property
    def _service_mark(self) -> Path:
        return self.home.run / "docker.service-started"

    @property
    def _before(self) -> Path:
        return self.home.run / "docker.before"

    @property
    def is_ours(self) -> bool:
        """Whether we started it."""
        return self.process.pid() is not None or self._service_mark.exists()

    @property
    def is_left_behind(self) -> bool:
        """Whether one that we started ended by itself, with our containers in its storage."""
        return self._before.exists()

    def answers(self) -> bool:
        """Whether a daemon answers."""
        return _run("docker", "version", "--format", "{{.Server.Version}}").returncode == 0

    def ensure(self, timeout: float = 60) -> str:
        """Use the running daemon or start one; says which.

        Raises `DaemonError` when none can be had.
        """
        if self.answers():
            return "started by us earlier" if self.is_ours else "already running"
        self.home.run.mkdir(parents=True, exist_ok=True)
        self._before.write_text(f"{_forward_policy()} {FORWARDING.read_text().strip()}")
        if SYSTEMD.is_dir():
            started = _run("systemctl", "start", "docker")
            if started.returncode != 0:
                raise DaemonError(f"systemctl start docker: {started.stderr.strip()}")
            self._service_mark.touch()
            ready = wait_until(self.answers, timeout)
        else:
            # A daemon that was killed leaves its pid file, and refuses to start because of it.
            PID_FILE.unlink(missing_ok=True)
            self.process.start(["dockerd"], os.environ)
            ready = wait_until(lambda: self.process.pid() is None or self.answers(), timeout)
            ready = ready and self.process.pid() is not None
        if not ready:
            raise DaemonError(
                f"dockerd does not answer; {self.process.log}:\n{self.process.tail()}"
            )
        return "started"

    def stop(self) -> bool:
        """Stop it if and only if we started it; says whether it did."""
        if not self.is_ours:
            return False
        if self._service_mark.exists():
            _run("systemctl", "stop", "docker.socket", "docker")
            self._service_mark.unlink()
        else:
            self.process.stop(timeout=60)
        self._clear_network()
        return True

    def _clear_network(self) -> None:
        """Take back what the daemon did to the machine's network and leaves when it stops."""
        for tool in ("iptables", "ip6tables"):
            for table in ("filter", "nat"):
                _clear_rules(tool, table)
        _run("ip", "link", "delete", "docker0")
        try:
            policy, forwarding = self._before.read_text().split()
        except (OSError, ValueError):
            return
        _run("iptables", "--policy", "FORWARD", policy)
        FORWARDING.write_text(forwarding)
        self._before.unlink()


def docker_rules(saved: str) -> tuple[list[list[str]], list[str]]:
    """The daemon's rules and chains in a listing by `iptables -S`.

    Its chains begin with DOCKER; its other rules name one of these or the bridge docker0.
    """
    rules: list[list[str]] = []
    chains: list[str] = []
    for line in saved.splitlines():
        words = line.split()
        if line.startswith("-N DOCKER"):
            chains.append(words[1])
        elif line.startswith("-A") and re.search(r"(^|\s)(DOCKER[\w-]*|docker0)(\s|$)", line):
            rules.append(words[1:])
    return rules, chains


def _clear_rules(tool: str, table: str) -> None:
    listing = _run(tool, "-t", table, "-S")
    if listing.returncode != 0:
        return
    rules, chains = docker_rules(listing.stdout)
    for rule in rules:
        _run(tool, "-t", table, "-D", *rule)
    for chain in chains:
        _run(tool, "-t", table, "-F", chain)
    for chain in chains:
        _run(tool, "-t", table, "-X", chain)


def _forward_policy() -> str:
    first = _run("iptables", "-S", "FORWARD").stdout.splitlines()[:1]
    return first[0].split()[-1] if first else "ACCEPT"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]} is not installed")
