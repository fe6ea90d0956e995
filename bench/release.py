"""Requests lost under load: by releases, by changes of the edge, and by others' ways to release.

    .venv/bin/python -m bench.release [releases] [edges] [peers]

Needs the local cloud with staging up (`make up`). Releases write ledger and receipts, so it works
in a copy of the tree, and puts the committed versions live again at its end. The exit code is 1
when one of ours lost a request or took longer than its limit.
"""

from __future__ import annotations

import sys

from bench import edges, load, peers, releases
from bench.platform import copied
from bench.row import heading

PARTS = {"releases": releases.measured, "edges": edges.measured, "peers": peers.measured}


def main() -> int:
    """Measure the parts that are named, all without any."""
    asked = sys.argv[1:] or list(PARTS)
    if unknown := set(asked) - set(PARTS):
        sys.exit(f"{', '.join(sorted(unknown))}: expected of {', '.join(PARTS)}")
    load.install()
    heading()
    with copied() as platform:
        kept = [PARTS[part](platform) for part in asked]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
