"""The real Pebble before an edge, and who asks that edge as a browser would."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography import x509

from components.edge.certificates import Certificates
from components.edge.config import EdgeConfig
from components.edge.routes import PublicRoute, Upstream
from localcloud.acme.pebble import NAMES, Pebble
from localcloud.home import Home
from localcloud.images.sources import Sources
from localcloud.processes import wait_until
from tests.components.edge.caddy import DEADLINE, Patch, RunningEdge
from tests.components.edge.load import Ask, kept, read
from tests.support.ports import free_port

HERE = "127.0.0.1"


class AcmeServer:
    """Pebble for the edge on these ports, and a name server by which every name is here.

    May be started and stopped several times. What it wrote stays in `lines`.
    """

    def __init__(self, folder: Path, **settings: Any):
        """Build what is not built yet, and configure it."""
        self.http, self.https, names = free_port(), free_port(), free_port()
        self.lines: list[str] = []
        self.pebble = Pebble(
            folder=folder,
            address=HERE,
            port=free_port(),
            management=free_port(),
            names=f"{HERE}:{names}",
            http_port=self.http,
            tls_port=self.https,
            **settings,
        )
        self.pebble.write()
        sources = Sources(Home.from_environment().images / "sources")
        self._commands = [
            [
                str(sources.go(NAMES)), "-dnsserver", f"{HERE}:{names}", "-defaultIPv6", "",
                "-management", f"{HERE}:{free_port()}",
                "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "",
            ],
            self.pebble.command(sources),
        ]  # fmt: skip
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        for command in self._commands:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, **self.pebble.variables},
            )
            reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            reader.start()
            self._processes.append(process)
            self._readers.append(reader)
        assert wait_until(self._answers, DEADLINE), self.lines[-5:]
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()
            self._readers.pop().join()

    @property
    def root(self) -> str:
        """The root of its certificates (PEM), which is another one after each start."""
        return self._get(self.pebble.roots).text

    @property
    def orders(self) -> int:
        """How many certificates were ordered, in all its runs."""
        return sum("Added order " in line for line in self.lines)

    def certificates(self, *proxied: str) -> Certificates:
        """The edge's settings for it."""
        return Certificates(
            issuer="acme",
            email="ops@example.org",
            directory=self.pebble.directory,
            root=self.pebble.authority.certificate.read_text(),
            proxied=proxied,
        )

    def edge(
        self,
        service: Upstream,
        hosts: Sequence[str],
        *,
        proxied: Sequence[str] = (),
        patch: Patch | None = None,
        data: Path | None = None,
        beside: RunningEdge | None = None,
    ) -> RunningEdge:
        """An edge before a service, which gets its certificates here."""
        config = EdgeConfig(
            public=[PublicRoute(host=host, upstream=service, health="/") for host in hosts],
            internal=[],
            metrics=[],
            certificates=self.certificates(*proxied),
        )
        edge = RunningEdge(config, patch=patch, data=data, beside=beside)
        edge.ports |= {80: self.http, 443: self.https}
        return edge

    def _answers(self) -> bool:
        try:
            return self._get(self.pebble.directory).status_code == 200 and bool(self.root)
        except httpx.HTTPError:
            return False

    def _get(self, url: str) -> httpx.Response:
        trusted = ssl.create_default_context(cafile=self.pebble.authority.certificate)
        return httpx.get(url, verify=trusted)

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self.lines.append(line)


def challenges(edge: RunningEdge) -> set[str]:
    """The kinds of challenge that an edge took."""
    tried = [line for line in edge.lines if line.get("msg") == "trying to solve challenge"]
    return {str(line["challenge_type"]) for line in tried}


def trusting(root: str) -> ssl.SSLContext:
    """What a browser does that trusts this authority alone."""
    return ssl.create_default_context(cadata=root)


def serial(edge: RunningEdge, host: str, context: ssl.SSLContext) -> str:
    """The serial number of a host's certificate, as soon as it shows one that is good.

    An edge says that it has a certificate before it shows it: it asks when to renew it, first.
    """
    found: list[str] = []

    def shown() -> bool:
        try:
            with _connected(edge, host, context) as connection:
                found.append(_serial(connection))
        except ssl.SSLError:
            return False
        return True

    assert wait_until(shown, DEADLINE), host
    return found[0]


def browser(edge: RunningEdge, host: str, context: ssl.SSLContext) -> Ask:
    """A caller that checks the certificate of each new connection, and notes whose it was."""

    def ask() -> str:
        with _connected(edge, host, context) as connection:
            connection.sendall(
                f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            assert read(connection).startswith(b"HTTP/1.1 200")
            return _serial(connection)

    return ask


def callers(
    edge: RunningEdge, hosts: Sequence[str], context: ssl.SSLContext
) -> dict[str, Callable[[], str]]:
    """A browser for each host, and one that keeps its connection and posts."""
    asking: dict[str, Callable[[], str]] = {h: browser(edge, h, context) for h in hosts}
    return {**asking, "kept": kept(edge, hosts[0], "POST")}


def _connected(edge: RunningEdge, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((HERE, edge.ports[443]), timeout=DEADLINE)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError):
        plain.close()
        raise


def _serial(connection: ssl.SSLSocket) -> str:
    shown = connection.getpeercert(binary_form=True)
    assert shown
    return f"{x509.load_der_x509_certificate(shown).serial_number:x}"
