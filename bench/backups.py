"""Backup, proof and restore of a database, and a backup of one that has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from bench.footprint import Footprint, measured
from bench.ledger import Ledger
from bench.servers import BUCKET, Servers, ServersError

LIMIT = 1.1
# Of what a backup stored first, one of the same data may add so much.
ADDED_LIMIT = 0.05
# PostgreSQL puts what was changed wherever a page has room for it, so a dump has it all over.
_NEWEST = """\
UPDATE messages SET body = body || ' changed'
WHERE id > (SELECT max(id) * 99 / 100 FROM messages)"""
_BY_HAND = "by-hand"
_SOURCE = "postgres/chat"


def measure(servers: Servers, ledger: Ledger, rounds: int) -> None:
    """Measure all of it, one after the other; raises `ServersError` when something fails.

    The first backup is made so many times in turn with the one by hand.
    """
    rows = servers.sql("SELECT count(*) FROM messages")
    size = int(servers.sql("SELECT pg_database_size('chat')"))
    ledger.head(f"a database with {rows} messages and as many events")
    ledger.size("on the server's disk", size)
    bytes_stored = _backups(servers, ledger, rounds)
    _restores(servers, ledger)
    shutil.rmtree(servers.root / "s3" / _BY_HAND)
    _changed(servers, ledger, bytes_stored)


def agent(servers: Servers, *verb: str) -> tuple[Footprint, Any]:
    """What a verb of the agent takes, and its answer; raises `ServersError` when it is not well."""
    with measured(apart(servers)) as found:
        code, told = servers.agent(*verb)
    if code != 0:
        raise ServersError(f"the agent's {' '.join(verb)}: {told}")
    return found, told


def apart(servers: Servers) -> list[int]:
    """The servers' own processes."""
    return [process.pid for process in servers.processes if process.poll() is None]


def held(servers: Servers, prefix: str = "") -> int:
    """Bytes in the agent's bucket."""
    return sum(file.stat().st_size for file in servers.objects(prefix))


def _backups(servers: Servers, ledger: Ledger, rounds: int) -> int:
    clients = " ".join(servers.client_options)
    dump = f"pg_dump {clients} -Fc -Z0 -d chat | restic -q backup --stdin --stdin-filename dump"
    mine: list[Footprint] = []
    others: list[Footprint] = []
    told: Any = None
    for _ in range(rounds):
        _new_bucket(servers, _BY_HAND)
        others.append(_by_hand(servers, dump))
        _new_bucket(servers, BUCKET)
        found, told = agent(servers, "run")
        mine.append(found)
    dumped, stored = told[0]["size"], held(servers)
    ledger.size("its dump", dumped, f"{dumped / stored:.1f} times what it is in the bucket")
    ledger.head(f"backup into an empty repository, best of {rounds}")
    best, other = _best(mine), _best(others)
    ledger.line("pg_dump -Fc -Z0 | restic backup --stdin", other, _all(others))
    ledger.line("the agent's (rows counted, roles too)", best, _all(mine))
    ledger.ratio("ratio of the times", best.seconds, other.seconds, LIMIT)
    ledger.ratio("ratio of the processors' times", best.cpu, other.cpu)
    return stored


def _restores(servers: Servers, ledger: Ledger) -> None:
    ledger.head("proof and restore")
    proof, told = agent(servers, "verify")
    ledger.line("the agent's proof", proof, f"{told[0]['counted']} rows compared")
    mine, _ = agent(servers, "restore", _SOURCE, "--beside", "chat_agent")
    _dropped(servers, "chat_agent")
    into = f"pg_restore {' '.join(servers.client_options)} --exit-on-error"
    piped = _restored(servers, f"restic -q dump latest dump | {into} -d chat_hand")
    folder = servers.root / "work/by-hand"
    jobs = _restored(
        servers, f"restic -q restore latest --target {folder} && {into} -j 2 -d chat_hand "
        f"{folder}/dump"
    )  # fmt: skip
    shutil.rmtree(folder)
    ledger.line("restic dump | pg_restore", piped)
    ledger.line("restic restore, pg_restore -j 2", jobs)
    ledger.line("the agent's restore (rows compared)", mine)
    ledger.ratio("ratio of the times, to the pipe", mine.seconds, piped.seconds, LIMIT)
    ledger.ratio("to -j 2", mine.seconds, jobs.seconds)
    ledger.ratio("ratio of the processors' times, to the pipe", mine.cpu, piped.cpu)
    ledger.ratio("to -j 2", mine.cpu, jobs.cpu)


def _changed(servers: Servers, ledger: Ledger, first: int) -> None:
    ledger.head("the next backup")
    for what, change, limit in (
        ("nothing was changed", "", ADDED_LIMIT),
        ("1 % of all messages were changed, the newest", _NEWEST, None),
    ):
        servers.sql(f"{change}; CHECKPOINT")
        before = held(servers)
        found, _ = agent(servers, "run")
        added = held(servers) - before
        ledger.line(what, found)
        ledger.size("added to the bucket", added)
        ledger.ratio("of what the first one stored", added, first, limit)


def _restored(servers: Servers, command: str) -> Footprint:
    servers.sql("CREATE DATABASE chat_hand TEMPLATE template0", "postgres")
    found = _by_hand(servers, command)
    _dropped(servers, "chat_hand")
    return found


def _dropped(servers: Servers, database: str) -> None:
    servers.sql(f"DROP DATABASE {database}", "postgres")
    servers.sql("CHECKPOINT", "postgres")


def _by_hand(servers: Servers, command: str) -> Footprint:
    with measured(apart(servers)) as found:
        _shell(servers, command, _BY_HAND)
    return found


def _new_bucket(servers: Servers, bucket: str) -> None:
    """An empty repository: to make one is no part of a backup."""
    folder = servers.root / "s3" / bucket
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.chown(folder, *servers.ids)
    servers.write_settings()
    _shell(servers, "restic -q init", bucket)
    # What one way has left to be written is not the other's to wait for.
    os.sync()


def _shell(servers: Servers, command: str, bucket: str) -> None:
    secrets = servers.root / "secrets"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False,
        env={
            **servers.environment,
            "RESTIC_REPOSITORY": servers.address.replace(BUCKET, bucket),
            "RESTIC_PASSWORD_FILE": f"{secrets}/password",
            "AWS_SHARED_CREDENTIALS_FILE": f"{secrets}/credentials",
        },
        **servers.user,
    )  # fmt: skip
    if done.returncode != 0:
        raise ServersError(f"{command}: {done.stderr}")


def _best(found: list[Footprint]) -> Footprint:
    """The least time, as what else the machine does only adds to it, and the most memory."""
    return Footprint(
        min(one.seconds for one in found),
        min(one.cpu for one in found),
        max(one.memory for one in found),
    )


def _all(found: list[Footprint]) -> str:
    return "of " + ", ".join(f"{one.seconds:.1f}" for one in found)
