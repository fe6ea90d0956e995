"""What a preview of an unchanged stack costs, beside the engine's floor for as many resources.

    .venv/bin/python -m bench.preview [staging|production]

Needs the local cloud with the stack up (`make up`). The program's own part is the CPU time of the
process that imports and runs it, without what the command line imports for itself (engine and
providers are other processes). The floor is a program of as many resources of the cheapest kind,
in the same engine, in the same run. Both find their modules compiled, as they do after a first run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The least of many: on a shared machine the same run takes up to 1.7 times as much CPU.
RUNS = 10
LIMIT_SECONDS = 2.0


def main() -> int:
    """Measure both, print them and their ratio; 1 when the program's part is over its limit."""
    stack = sys.argv[1] if len(sys.argv) > 1 else "staging"
    with tempfile.TemporaryDirectory() as compiled:
        count = int(_child(compiled, "platform", stack)["resources"])
        own: list[dict[str, Any]] = []
        floor: list[dict[str, Any]] = []
        # By turns: a machine that others use is faster and slower for minutes.
        for _ in range(RUNS):
            own.append(_child(compiled, "platform", stack))
            floor.append(_child(compiled, "floor", stack, str(count)))
    best, least = min(own, key=_cpu), min(floor, key=_cpu)
    print(f"preview of {stack}, {count} resources, unchanged; best of {RUNS}")
    print(f"  program's own part: {best['cpu']:.2f} s of CPU, {best['wall']:.2f} s in all")
    print(f"  engine's floor:     {least['cpu']:.2f} s of CPU, {least['wall']:.2f} s in all")
    print(f"  ratio of the whole: {best['wall'] / least['wall']:.2f}")
    if any(found["changes"] for found in own):
        print("  the preview is not empty: bring the stack up first")
        return 1
    print(f"  limit: {LIMIT_SECONDS:.0f} s of CPU for the program's own part")
    return 0 if best["cpu"] <= LIMIT_SECONDS else 1


def _cpu(found: dict[str, Any]) -> float:
    return float(found["cpu"])


def _child(compiled: str, *arguments: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-m", "bench.preview_child", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    raise SystemExit(main())
