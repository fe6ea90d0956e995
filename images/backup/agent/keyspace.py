"""All keys of Redis: backed up, proven, and brought back while it serves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .manifest import DUMP, Manifest, file_digest
from .process import AgentError
from .redis import Connection, Redis, databases
from .source import Target, Terms
from .throwaway import Lab

_ATTEMPTS = 3
_START_SECONDS = 300
_DATABASES = 16
_CHANGED = ("rdb_changes_since_last_save", "expired_keys", "evicted_keys")


@dataclass(frozen=True, kw_only=True)
class Keyspace:
    """What a Redis server holds, in all its databases."""

    server: Redis
    terms: Terms
    name: str = "redis"

    def dump(self, folder: Path) -> Manifest:
        """By `redis-cli --rdb`; raises `AgentError`.

        The server counts its keys before, and how much changed until the dump was here: by so much
        the dump may differ from the count, and by nothing on a server at rest.
        """
        file = folder / DUMP
        for _ in range(_ATTEMPTS):
            before = self.server.figures()
            self.server.dump(file)
            after = self.server.figures()
            # A save of its own begins the count of changes anew.
            if before["rdb_last_save_time"] == after["rdb_last_save_time"]:
                break
        else:
            raise AgentError(f"redis saved by itself during each of {_ATTEMPTS} dumps: try later")
        changes = sum(int(after[name]) - int(before[name]) for name in _CHANGED)
        return Manifest(
            source=self.name,
            version=before["redis_version"],
            counts=databases(before),
            facts={"changes": str(changes)},
            size=file.stat().st_size,
            digest=file_digest(file),
        )

    def differences(self, manifest: Manifest, dump: Path, lab: Lab) -> list[str]:
        """Load it into a server of its own and count again; raises `AgentError`."""
        with _throwaway(dump, lab) as copy:
            return _differences(manifest, databases(copy.figures()))

    def restore(self, manifest: Manifest, dump: Path, lab: Lab, target: Target) -> str:
        """Each database beside the present one, and then swapped with it.

        What is replaced is not kept: memory is what Redis is short of, and evicts by. Raises
        `AgentError`.
        """
        if target.beside:
            raise AgentError("redis takes no copy beside itself: its memory is for what is used")
        with (
            _throwaway(dump, lab) as copy,
            copy.connection() as source,
            self.server.connection() as live,
        ):
            wanted, present = databases(source.figures()), databases(live.figures())
            if different := _differences(manifest, wanted):
                raise AgentError("the copy is not what was backed up: " + "; ".join(different))
            _make_sure_of_room(source, live)
            spare = _spare(wanted.keys() | present.keys())
            for database in sorted(wanted.keys() | present.keys(), key=int):
                _copy(source, live, database, spare)
                live.ask("SWAPDB", database, spare)
                live.ask("SELECT", spare)
                live.ask("FLUSHDB", "ASYNC")
        return ""


def _differences(manifest: Manifest, found: dict[str, int]) -> list[str]:
    may = int(manifest.facts["changes"])
    numbers = sorted(manifest.counts.keys() | found.keys(), key=int)
    counted = ((n, found.get(n, 0), manifest.counts.get(n, 0)) for n in numbers)
    return [
        f"database {n} has {keys} keys instead of {wanted}"
        for n, keys, wanted in counted
        if abs(keys - wanted) > may
    ]


@contextmanager
def _throwaway(dump: Path, lab: Lab) -> Generator[Redis]:
    """A server that has loaded a dump; nothing outside can reach it. Raises `AgentError`."""
    folder = lab.folder()
    log = folder / "log"
    command = [
        "redis-server", "--port", "0", "--unixsocket", str(folder / "socket"),
        "--dir", str(dump.parent), "--dbfilename", dump.name, "--save", "", "--appendonly", "no",
        "--logfile", str(log),
        # A replica, of nobody: a master would leave out the keys that have expired meanwhile.
        "--replicaof", "127.0.0.1", "1",
    ]  # fmt: skip
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise AgentError("redis-server is not installed") from error
    try:
        server = Redis(host=str(folder / "socket"))
        _await(server, process, log)
        yield server
    finally:
        process.kill()
        process.wait()


def _await(server: Redis, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None:
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            said = [line for line in lines if " # " in line] or lines
            raise AgentError("redis-server cannot load the dump: " + "; ".join(said[-3:]))
        try:
            if server.figures().get("loading") == "0":
                return
        except AgentError:  # it does not listen yet
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise AgentError(f"redis-server did not load the dump within {_START_SECONDS} s")
        time.sleep(0.05)


def _make_sure_of_room(source: Connection, live: Connection) -> None:
    """Both are in memory for a moment; keys that others use must not be evicted for it."""
    figures = live.figures()
    room = int(figures["maxmemory"]) - int(figures["used_memory"])
    needed = int(source.figures()["used_memory"])
    if int(figures["maxmemory"]) and needed > room:
        raise AgentError(
            f"redis has room for {room} bytes, and the copy needs {needed}: empty it first"
        )


def _spare(used: Sequence[str] | set[str]) -> str:
    free = [str(n) for n in range(_DATABASES) if str(n) not in used]
    if not free:
        raise AgentError("redis has no empty database, into which a copy could go")
    return free[-1]


def _copy(source: Connection, live: Connection, database: str, spare: str) -> None:
    """Copy a database into the spare one; raises `AgentError` when keys were lost there."""
    source.ask("SELECT", database)
    live.ask("SELECT", spare)
    cursor, lasting = b"0", 0
    while True:
        cursor, keys = source.keys(cursor)
        dumps = source.ask_all([["DUMP", key] for key in keys])
        lives = source.ask_all([["PTTL", key] for key in keys])
        # A key that expired since has no dump any more. The same key can be scanned twice.
        found = [
            (key, max(int(left or 0), 0), dump)
            for key, dump, left in zip(keys, dumps, lives, strict=True)
            if isinstance(dump, bytes)
        ]
        live.ask_all([["RESTORE", key, left, dump, "REPLACE"] for key, left, dump in found])
        lasting += sum(left == 0 for _, left, _ in found)
        if cursor == b"0":
            break
    there = live.ask("DBSIZE")
    if int(there or 0) < lasting:
        raise AgentError(f"{there} keys of at least {lasting} are there: others were evicted")
