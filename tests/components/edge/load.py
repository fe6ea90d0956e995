"""Callers that ask all the time, and note who answers and what is lost."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import httpx

from tests.components.edge.caddy import DEADLINE, RunningEdge

Ask = Callable[[], str]
"""Asks once, and returns the slot that answered."""


class Load:
    """Each caller asks in a thread of its own for as long as the block lasts."""

    def __init__(self, callers: dict[str, Ask]):
        """Prepare; the block starts it."""
        self.answers: list[tuple[str, str]] = []
        self.lost: list[str] = []
        self._callers = callers
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=caller, daemon=True)
            for caller in callers.items()
        ]

    def __enter__(self) -> Self:
        """Start."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let every request end."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def answered_by(self, slot: str) -> None:
        """Wait until each caller has had an answer of a slot, which it asked for after now."""
        with self._news:
            # What a caller has under way may have been asked before.
            begin = len(self.answers)
            assert self._news.wait_for(
                lambda: all(
                    [s for c, s in self.answers[begin:] if c == caller][1:].count(slot)
                    for caller in self._callers
                ),
                timeout=DEADLINE,
            ), (slot, self.lost, self.answers[begin:])

    def until(self, wanted: Callable[[dict[str, list[str]]], bool], timeout: float) -> None:
        """Wait until what each caller was answered so far is what is wanted."""

        def came() -> bool:
            answers: dict[str, list[str]] = {caller: [] for caller in self._callers}
            for caller, answer in self.answers:
                answers[caller].append(answer)
            return wanted(answers)

        with self._news:
            assert self._news.wait_for(came, timeout), (self.lost, self.answers[-5:])

    def _run(self, caller: str, ask: Ask) -> None:
        while not self._stopped.is_set():
            try:
                answer = (caller, ask())
            except (AssertionError, OSError, httpx.HTTPError, ValueError) as error:
                with self._news:
                    self.lost.append(f"{caller}: {error!r}")
                continue
            with self._news:
                self.answers.append(answer)
                self._news.notify_all()


def fresh(edge: RunningEdge, host: str) -> Ask:
    """A caller with a new TLS connection for each request."""

    def ask() -> str:
        with edge.tls(host) as connection:
            connection.sendall(
                f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            return _slot(read(connection))

    return ask


def kept(edge: RunningEdge, host: str, method: str, *, port: int = 443) -> Ask:
    """A caller with one connection for all its requests."""
    client = edge.client(host, port=port)

    def ask() -> str:
        answer = client.request(method, "/", content=b"x" if method == "POST" else None)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return str(found["slot"])

    return ask


def read(connection: ssl.SSLSocket) -> bytes:
    """All that comes until the other side ends."""
    parts: list[bytes] = []
    # A close without a word of TLS before it: the answer tells whether it is complete.
    with suppress(ssl.SSLEOFError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def _slot(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer
    return str(json.loads(body)["slot"])
