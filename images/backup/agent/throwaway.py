"""A PostgreSQL of its own for a restore test: a socket in a scratch folder, gone afterwards."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from .postgres import Postgres
from .process import AgentError, Programs

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
    with serving(folder) as postgres:
        yield postgres


@contextmanager
def serving(folder: Path, seconds: int = 60) -> Generator[Postgres]:
    """Run the server of `folder/data`, once it is ready; raises `AgentError` after `seconds`."""
    programs = Programs()
    # Nothing here outlives the test: what would make it survive a crash only costs time.
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        " -c full_page_writes=off -c dynamic_shared_memory_type=mmap"
    )
    control = ["pg_ctl", "-D", str(folder / "data"), "-w", "-s"]
    start = [*control, "-t", str(seconds), "-l", str(folder / "log"), "-o", options, "start"]
    try:
        programs.run(start, seconds=seconds + 60)
        yield Postgres(host=str(folder), port=_PORT, user="postgres")
    finally:
        with suppress(AgentError):  # one that did not start
            programs.run([*control, "-m", "immediate", "stop"])
