"""A PostgreSQL of its own for a restore test: a socket in a scratch folder, gone afterwards."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .postgres import Postgres
from .process import Programs

_PORT = 5432


@contextmanager
def throwaway(folder: Path) -> Generator[Postgres]:
    """Run a server inside `folder`; nothing outside can reach it. Raises `AgentError`."""
    programs = Programs()
    data = folder / "data"
    programs.run(
        ["initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
         "--locale=C.UTF-8", "--no-sync"]
    )  # fmt: skip
    # Nothing here outlives the test: what would make it survive a crash only costs time.
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        " -c full_page_writes=off -c dynamic_shared_memory_type=mmap"
    )
    control = ["pg_ctl", "-D", str(data), "-w", "-s"]
    programs.run([*control, "-l", str(folder / "log"), "-o", options, "start"])
    try:
        yield Postgres(host=str(folder), port=_PORT, user="postgres")
    finally:
        programs.run([*control, "-m", "immediate", "stop"])
