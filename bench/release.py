"""Requests lost by releases under load, beside what recreating the same container loses.

    .venv/bin/python -m bench.release

Needs the local cloud with staging up (`make up`). Releases write ledger and receipts, so it works
in a copy of the tree, and puts the committed versions live again at its end. The load is h2load's:
200 requests a second over kept connections, over new ones every ten seconds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import load as loads
from catalog import load_catalog

ROOT = Path(__file__).resolve().parent.parent
SERVICE = "chat-web"
PER_SECOND = 200
LIMIT_ALL_SECONDS = 600
_COMPOSE = "docker compose -f /srv/manacore/compose/compose.yaml up -d --no-deps --wait"
_COPIED_WITHOUT = (".git", ".venv", "__pycache__", ".*_cache", "receipts")


@dataclass(frozen=True)
class Platform:
    """The command line in a copy of the tree."""

    root: Path

    def manacore(self, *arguments: str) -> dict[str, Any]:
        """Run `./manacore ... --local --json`; ends the benchmark when it fails."""
        command = ["./manacore", *arguments, "--stack", "staging", "--local", "--json"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def push(self, versions: Sequence[str]) -> None:
        """Make versions of apps."""
        subprocess.run(["./manacore", "images", *versions], cwd=self.root, check=True, stdout=2)


def main() -> int:
    """Measure, print, and put the committed versions live again; 1 when a request was lost."""
    loads.install()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_COPIED_WITHOUT))
        (tree / ".venv").symlink_to(ROOT / ".venv")
        lost = measured(Platform(tree))
    Platform(ROOT).manacore("up")
    return 0 if lost == 0 else 1


def measured(platform: Platform) -> int:
    """Measure everything; requests lost by our own releases and rollbacks."""
    platform.manacore("up")
    outputs = platform.manacore("outputs")
    server = outputs["servers"]["main"]
    host = outputs["urls"][SERVICE].removeprefix("https://")
    one, everything = [f"{SERVICE}=bench-one"], [f"{s.name}=bench" for s in load_catalog().slotted]
    platform.push([*one, *everything])
    print(f"{PER_SECOND} requests/s through the edge to {SERVICE} meanwhile")
    total = 0
    for what, command in (
        ("release of one service", ["release", *one, "--watch", "0"]),
        ("its rollback", ["rollback"]),
        (f"release of all {len(everything)} in one set", ["release", *everything, "--watch", "0"]),
        ("their rollback", ["rollback"]),
    ):
        with loads.load(server["ipv4"], host, "/version", per_second=PER_SECOND) as sent:
            begun = time.monotonic()
            receipt = platform.manacore(*command)
            seconds = time.monotonic() - begun
        steps = {step["name"]: step["seconds"] for step in receipt["steps"]}
        told = ", ".join(f"{name} {taken:.1f} s" for name, taken in steps.items())
        _row(what, seconds, sent, told)
        prober = receipt["prober"] or {"failed": 0}
        total += sent.lost + int(prober["failed"])
    services = platform.manacore("status")["services"]
    container = next(s["container"] for s in services if s["name"] == SERVICE)
    with loads.load(server["ipv4"], host, "/version", per_second=PER_SECOND) as sent:
        begun = time.monotonic()
        _on(server, f"{_COMPOSE} --force-recreate {container}")
        seconds = time.monotonic() - begun
    _row("docker compose up -d (recreate)", seconds, sent, "of the same container")
    return total


def _row(what: str, seconds: float, sent: loads.Load, told: str) -> None:
    asked = sent.answered + sent.lost
    print(f"  {what:34} {seconds:6.1f} s  {sent.lost:5} of {asked} lost  ({told})")


def _on(server: dict[str, Any], command: str) -> None:
    ssh = ["ssh", *server["ssh_options"], f"{server['user']}@{server['ipv4']}", command]
    done = subprocess.run(ssh, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr[-1000:]}")


if __name__ == "__main__":
    sys.exit(main())
