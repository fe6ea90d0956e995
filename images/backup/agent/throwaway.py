"""Servers of their own for a restore test: sockets in a scratch folder, gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .postgres import Postgres
from .process import AgentError, Programs

_PORT = 5432


@contextmanager
def throwaway(folder: Path, superuser: str = "postgres") -> Generator[Postgres]:
    """Run a PostgreSQL inside `folder`; nothing outside can reach it. Raises `AgentError`."""
    programs = Programs()
    data = folder / "data"
    programs.run(
        ["initdb", "-D", str(data), "-U", superuser, "-A", "trust", "-E", "UTF8",
         "--locale=C.UTF-8", "--no-sync"]
    )  # fmt: skip
    with serving(folder, superuser) as postgres:
        yield postgres


@contextmanager
def serving(folder: Path, superuser: str = "postgres", seconds: int = 60) -> Generator[Postgres]:
    """Run the server of `folder/data`, once it is up; raises `AgentError` after `seconds`."""
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
        yield Postgres(host=str(folder), port=_PORT, user=superuser)
    finally:
        with suppress(AgentError):  # one that did not start, or has ended
            programs.run([*control, "-m", "immediate", "stop"])


@dataclass
class Lab:
    """Where dumps are restored for a look: a scratch folder, and a PostgreSQL that all share."""

    root: Path
    _open: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Lab:
        """Begin with nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started."""
        self._open.close()

    @cached_property
    def postgres(self) -> Postgres:
        """A server that starts when it is first asked for; raises `AgentError`."""
        return self._open.enter_context(throwaway(self.folder()))

    def folder(self) -> Path:
        """An empty folder; it goes with the lab."""
        return Path(tempfile.mkdtemp(dir=self.root))
