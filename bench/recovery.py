"""Backup, proof and restore by the agent, beside what a person does by hand with the same tools.

    .venv/bin/python -m bench.recovery [--gigabytes 10] [--rounds 3]

Needs neither Docker nor the local cloud: PostgreSQL, S3 server and agent are processes in a folder
of their own, which goes at the end. The disk has to have room for six times the data. By hand is
`pg_dump | restic` into another bucket of the same server, `restic dump | pg_restore`, and
`pg_restore -j 2`; both ways take turns, and the best of each counts. The exit code is 1 when a
limit is broken.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

from bench import archiving, backups
from bench.data import fill
from bench.footprint import adopt_orphans
from bench.ledger import Ledger
from bench.servers import Servers
from components.data.postgres import ARCHIVE_ROLE, BACKUP_ROLE, roles

# As the program sets it for a container of 1 GiB.
_OPTIONS = ("shared_buffers=256MB", "maintenance_work_mem=64MB", "max_slot_wal_keep_size=1GB",
            "dynamic_shared_memory_type=mmap")  # fmt: skip
# Nothing is archived while the data comes.
_WHILE_FILLED = ("wal_level=minimal", "max_wal_senders=0", "max_wal_size=8GB")
_ROOM = 6


def main() -> int:
    """Measure everything, print it, and say whether all limits were kept."""
    parser = argparse.ArgumentParser(prog="bench.recovery")
    parser.add_argument("--gigabytes", type=float, default=10, help="size of the database's dump")
    parser.add_argument("--rounds", type=int, default=3, help="backups by each way")
    asked = parser.parse_args()
    gigabytes = asked.gigabytes
    signal.signal(signal.SIGTERM, _ended)
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="manacore-recovery-") as folder:
        # Checked here, where it will be.
        _refuse_without_room(Path(folder), gigabytes)
        servers = Servers(Path(folder), _port(), options=_OPTIONS)
        try:
            _start(servers, gigabytes)
            ledger = Ledger()
            backups.measure(servers, ledger, asked.rounds)
            archiving.measure(servers, ledger)
        finally:
            servers.close()
    return 0 if ledger.kept else 1


def _start(servers: Servers, gigabytes: float) -> None:
    servers.install()
    servers.start_s3()
    servers.start_postgres(*_WHILE_FILLED)
    fill(servers, gigabytes)
    servers.sql(roles({"chat": "one", BACKUP_ROLE: "two", ARCHIVE_ROLE: "three"}), "postgres")
    servers.stop_postgres()
    servers.start_postgres()


def _refuse_without_room(folder: Path, gigabytes: float) -> None:
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes * _ROOM:
        sys.exit(f"{folder} has room for {free:.0f} GB; {gigabytes * _ROOM:.0f} GB are needed")


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ended(_number: int, _frame: object) -> None:
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
