"""The real Caddy with a generated configuration, on ports of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from components.edge import pointers
from components.edge.certificates import FOLDER
from components.edge.config import METRICS_PORT, EdgeConfig
from components.edge.pointers import Pointers

CADDY = Path(sys.executable).parent / "caddy"
DEADLINE = 20
Patch = Callable[[dict[str, Any]], None]


def environment(folder: Path, data: Path | None = None) -> dict[str, str]:
    """Variables with which Caddy keeps everything in a folder, but for its `data`, if given."""
    return {
        "XDG_DATA_HOME": str(data or folder),
        "XDG_CONFIG_HOME": str(folder),
        "HOME": str(folder),
    }


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RunningEdge:
    """Caddy, started with a configuration in which only addresses and folders are others.

    `live` are the pointers that it starts with: an address per service with slots. `patch` may
    change the document further. `data` is where its certificates are kept, and stay; without it
    they are new, and awaited. Waits end with `AssertionError` after 20 s.
    """

    def __init__(
        self,
        config: EdgeConfig,
        live: Mapping[str, str] | None = None,
        patch: Patch | None = None,
        data: Path | None = None,
    ):
        """Prepare it; the block starts it."""
        self.lines: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._config = config
        self._live = dict(live or {})
        self._patch = patch
        self._data = data
        # Not below pytest's folder: the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="edge-"))
        self.ports: dict[int, int] = {}

    def __enter__(self) -> Self:
        """Start, and wait until every host has its certificate if none can have one yet."""
        self._slots.mkdir()
        self.flip(self._live)
        file = self.folder / "caddy.json"
        file.write_text(self._document(self._config))
        self._process = subprocess.Popen(
            [CADDY, "run", "--config", file],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment(self.folder, self._data)},
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.logged(lambda line: line.get("msg") == "serving initial configuration")
        if self._data is None:
            for route in self._config.public:
                for host in [route.host, *([f"www.{route.host}"] if route.www else [])]:
                    self.obtained(host)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        shutil.rmtree(self.folder)

    def reload(self, config: EdgeConfig) -> None:
        """Apply another configuration, as the component does."""
        subprocess.run(
            [CADDY, "reload", "--config", "-", "--address", self._admin],
            input=self._document(config),
            env=environment(self.folder),
            capture_output=True,
            text=True,
            check=True,
        )

    def flip(self, live: Mapping[str, str], gates: Mapping[str, str] | None = None) -> None:
        """Make other slots live, and set gates, by the script that runs on a server."""
        subprocess.run(
            [sys.executable, "-c", pointers.REMOTE_FLIP, self._slots],
            input=Pointers(dials=live, gates=gates or {}).bundle,
            text=True,
            check=True,
        )

    def client(self, host: str, *, port: int = 443) -> httpx.Client:
        """A client of a host; of its own port's services inside when `port` is not 443."""
        scheme = "https" if port == 443 else "http"
        return httpx.Client(
            base_url=f"{scheme}://127.0.0.1:{self.ports[port]}",
            headers={"Host": host},
            verify=False,  # noqa: S501 - the edge's own authority, on loopback
            timeout=DEADLINE,
            event_hooks={"request": [_named(host)]},
        )

    def tls(self, host: str, before: bytes = b"", protocols: tuple[str, ...] = ()) -> ssl.SSLSocket:
        """A TLS connection to a host; `before` is sent in front of it."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if protocols:
            context.set_alpn_protocols(list(protocols))
        plain = socket.create_connection(("127.0.0.1", self.ports[443]), timeout=DEADLINE)
        plain.sendall(before)
        return context.wrap_socket(plain, server_hostname=host)

    def websocket(self, host: str) -> ssl.SSLSocket:
        """A connection to a host that was upgraded."""
        connection = self.tls(host)
        connection.sendall(
            f"GET /stream HTTP/1.1\r\nHost: {host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        return connection

    def metrics(self) -> str:
        """What the metrics listener answers."""
        return httpx.get(f"http://127.0.0.1:{self.ports[METRICS_PORT]}/metrics").text

    def obtained(self, host: str, timeout: float = DEADLINE) -> None:
        """Wait until a host has got its first certificate."""
        self.logged(
            lambda line: (
                line.get("msg") == "certificate obtained successfully"
                and line.get("identifier") == host
            ),
            timeout,
        )

    def logged(
        self, wanted: Callable[[dict[str, Any]], bool], timeout: float = DEADLINE
    ) -> dict[str, Any]:
        """The first line of the log that is wanted, as soon as it is written."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self.lines if wanted(line)), None)

        with self._news:
            line = self._news.wait_for(found, timeout)
            assert line, self.lines[-5:]
            return line

    @property
    def _slots(self) -> Path:
        return self.folder / "slots"

    @property
    def _admin(self) -> str:
        return f"unix/{self.folder}/admin.sock"

    def _document(self, config: EdgeConfig) -> str:
        for name, text in config.certificates.files.items():
            (self.folder / name).write_text(text)
        text = config.json().replace(pointers.MOUNTED, str(self._slots))
        document = json.loads(text.replace(f"{FOLDER}/", f"{self.folder}/"))
        document["admin"]["listen"] = self._admin
        http = document["apps"]["http"]
        for server in http["servers"].values():
            port = int(server["listen"][0].rpartition(":")[2])
            own = self.ports.setdefault(port, free_port())
            server["listen"] = [f"127.0.0.1:{own}"]
        http["http_port"], http["https_port"] = self.ports[80], self.ports[443]
        document["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
        if self._patch:
            self._patch(document)
        return json.dumps(document)

    def _read(self) -> None:
        for text in self._process.stdout or ():
            # Before the configuration is loaded, Caddy's own format is the same JSON.
            line = json.loads(text)
            with self._news:
                self.lines.append(line)
                self._news.notify_all()


def _named(host: str) -> Callable[[httpx.Request], None]:
    def name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = host

    return name
