"""Data as a chat has it: words as often as people use them, ids, times, and JSON of a few shapes.

Neither random, which no repository makes smaller, nor constant, which every one does: it takes
about a third of its size in a repository.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from bench.servers import Servers, ServersError

_LETTERS = "etaoinshrdlucmfwypvbgk"
_WORDS, _POOL = 20_000, 3_000_000
_BATCH = 500
# Of a message: text, JSON and columns together, roughly.
_ROW_BYTES = 800
_START = 1_750_000_000
# An event for each message, and a customer for so many of them.
_MESSAGES_PER_CUSTOMER = 20
_SCHEMA = """\
CREATE TABLE customers (
    id bigint, name text, email text, created timestamptz, profile jsonb
);
CREATE TABLE messages (
    id bigint, room int, author bigint, sent timestamptz, body text, meta jsonb
);
CREATE TABLE events (
    id bigint, customer bigint, kind text, at timestamptz, amount numeric(12, 2), payload jsonb
);
ALTER TABLE customers OWNER TO chat; ALTER TABLE messages OWNER TO chat;
ALTER TABLE events OWNER TO chat
"""
_INDEXES = """\
ALTER TABLE customers ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX ON customers (email);
ALTER TABLE messages ADD PRIMARY KEY (id);
CREATE INDEX ON messages (room, sent);
CREATE INDEX ON messages (author);
ALTER TABLE events ADD PRIMARY KEY (id);
CREATE INDEX ON events (customer, at);
VACUUM ANALYZE
"""


@dataclass(frozen=True)
class Text:
    """What people write."""

    chance: random.Random
    pool: str

    @classmethod
    def made(cls, seed: int, length: int = _POOL) -> Text:
        """So many words, a few of them often, most seldom; the same for the same seed."""
        chance = random.Random(seed)  # noqa: S311 - data, no secret
        words = [
            "".join(chance.choices(_LETTERS, range(len(_LETTERS), 0, -1), k=chance.randint(2, 10)))
            for _ in range(_WORDS)
        ]
        often = list(accumulate(1 / (rank + 2) for rank in range(_WORDS)))
        return cls(chance, " ".join(chance.choices(words, cum_weights=often, k=length)))

    def some(self, least: int, most: int) -> str:
        """So many characters of it."""
        begin = int(self.chance.random() * (len(self.pool) - most))
        return self.pool[begin : begin + least + int(self.chance.random() * (most - least))]


def fill(servers: Servers, gigabytes: float) -> None:
    """Fill the database `chat` with about so much, as a dump has it; raises `ServersError`."""
    messages = int(gigabytes * 1e9 / _ROW_BYTES)
    servers.sql("CREATE ROLE chat LOGIN; CREATE DATABASE chat OWNER chat", "postgres")
    servers.sql(_SCHEMA)
    text = Text.made(1)
    for table, rows in (
        ("customers", _customers(text, messages // _MESSAGES_PER_CUSTOMER)),
        ("messages", _messages(text, messages)),
        ("events", _events(text, messages)),
    ):
        _copy(servers, table, rows)
    servers.sql(_INDEXES)


def _copy(servers: Servers, table: str, rows: Iterator[str]) -> None:
    # Emptied in the same transaction, it needs no log: the server is told so by `wal_level`.
    command = [
        "psql", *servers.psql_options, "-v", "ON_ERROR_STOP=1", "-d", "chat", "-1", "-c",
        f"TRUNCATE {table}", "-c", f"COPY {table} FROM STDIN",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, text=True, env=servers.environment, **servers.user
    ) as psql:
        if psql.stdin is None:
            raise ServersError("psql has no pipe")
        for batch in rows:
            psql.stdin.write(batch)
    if psql.returncode != 0:
        raise ServersError(f"COPY of {table} failed")


def _customers(text: Text, count: int) -> Iterator[str]:
    for begin in range(1, count + 1, _BATCH):
        yield "".join(
            f"{n}\t{text.some(8, 24)}\tuser{n}@example.com\t{_time(n * 60)}\t"
            + _json(language="de", theme="dark", about=text.some(20, 200), seen=_START + n)
            for n in range(begin, min(begin + _BATCH, count + 1))
        )


def _messages(text: Text, count: int) -> Iterator[str]:
    chance = text.chance.random
    for begin in range(1, count + 1, _BATCH):
        yield "".join(
            f"{n}\t{int(chance() ** 3 * 5000)}\t{int(chance() * count / 20)}\t{_time(n * 3)}\t"
            f"{text.some(60, 700)}\t"
            + _json(client="web", edited=False, tokens=int(chance() * 900), reply=n - 1)
            for n in range(begin, min(begin + _BATCH, count + 1))
        )


def _events(text: Text, count: int) -> Iterator[str]:
    chance, kinds = text.chance.random, ("login", "purchase", "upload", "invite")
    for begin in range(1, count + 1, _BATCH):
        yield "".join(
            f"{n}\t{int(chance() * count / 20)}\t{kinds[int(chance() * 4)]}\t{_time(n * 3)}\t"
            f"{chance() * 900:.2f}\t"
            + _json(agent="Mozilla/5.0 (X11; Linux x86_64)", session=f"{int(chance() * 1e15):x}",
                    path=f"/rooms/{int(chance() * 5000)}", note=text.some(10, 80))
            for n in range(begin, min(begin + _BATCH, count + 1))
        )  # fmt: skip


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_START + seconds))


def _json(**facts: object) -> str:
    return json.dumps(facts) + "\n"
