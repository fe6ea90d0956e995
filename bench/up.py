"""A full `up` of the platform's containers beside `docker compose up --wait` of the same ones.

    .venv/bin/python -m bench.up [staging|production]

Needs the local cloud with the stack up (`make up`), and takes its containers down and up again.
Both start from a server that has the images and no container. Compose reads the break-glass file
that the program left there: the same containers, with the same health checks, on the same host.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from ops.session import Session, outputs
from ops.target import Target

LIMIT = 1.5
ROUNDS = 3
_REMOVE = "docker ps -aq | xargs -r docker rm -f >/dev/null"
_COMPOSE = "docker compose -f /srv/manacore/compose/compose.yaml up -d --wait --quiet-pull"


def main() -> int:
    """Measure both in turn, print the best of each and the ratio; 1 when it is over the limit."""
    stack_name = sys.argv[1] if len(sys.argv) > 1 else "staging"
    session = Session(Target.of(stack_name, local=True))
    stack = session.stack()
    (server,) = outputs(stack)["servers"].values()
    compose: list[float] = []
    ours: list[float] = []
    for _ in range(ROUNDS):
        _on(server, _REMOVE)
        compose.append(_timed(lambda: _on(server, f"{_COMPOSE} >/dev/null 2>&1")))
        _on(server, _REMOVE)
        stack.refresh()
        ours.append(_timed(lambda: session.up(stack)))
    count = _on(server, "docker ps -q | wc -l").strip()
    ratio = min(ours) / min(compose)
    print(f"{count} containers of {stack_name}, images there, until all are healthy")
    print(f"  docker compose up --wait: {_list(compose)}")
    print(f"  pulumi up:                {_list(ours)}")
    print(f"  ratio of the best: {ratio:.2f} (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


def _timed(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def _on(server: dict[str, Any], command: str) -> str:
    """Run a command on the server; its output. Ends the benchmark when it fails."""
    ssh = ["ssh", *server["ssh_options"], f"{server['user']}@{server['ipv4']}", command]
    done = subprocess.run(ssh, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _list(seconds: list[float]) -> str:
    return ", ".join(f"{s:.1f} s" for s in seconds)


if __name__ == "__main__":
    raise SystemExit(main())
