"""The real Caddy with a generated configuration and the edge's own start, on ports of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx

from components.edge import drain, pointers, steering
from components.edge.certificates import FOLDER
from components.edge.config import HEALTH_PORT, METRICS_PORT, EdgeConfig
from components.edge.pointers import Pointers
from localcloud.processes import wait_until
from tests.support.ports import free_port

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


class RunningEdge:
    """Caddy, started with a configuration in which only addresses and folders are others.

    `live` are the pointers that it starts with: an address per service with slots. `patch` may
    change the document further. `data` is where its certificates are kept, and stay; without it
    they are new, and awaited. Beside another edge it shares that one's ports, pointers and data.
    Waits end with `AssertionError` after 20 s.
    """

    def __init__(
        self,
        config: EdgeConfig,
        live: Mapping[str, str] | None = None,
        patch: Patch | None = None,
        data: Path | None = None,
        beside: RunningEdge | None = None,
    ):
        """Prepare it; the block starts it."""
        self.lines: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._config = config
        self._live = dict(live or {})
        self._patch = patch
        self._beside = beside
        self._data = beside.data if beside else data
        # Not below pytest's folder: the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="edge-"))
        self.ports: dict[int, int] = dict(beside.ports) if beside else {}
        self.ports.pop(HEALTH_PORT, None)

    def __enter__(self) -> Self:
        """Start, and wait until every host has its certificate if none can have one yet."""
        if not self._beside:
            self.slots.mkdir()
            self.flip(self._live)
        file = self.folder / "caddy.json"
        file.write_text(self._document(self._config))
        script = self.folder / drain.SCRIPT
        script.write_text(drain.RUN_SCRIPT)
        seconds = str(self._config.timing.drain)
        path = f"{CADDY.parent}:{os.environ['PATH']}"
        self._process = subprocess.Popen(
            ["sh", script, self.folder, seconds, file, self._admin],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment(self.folder, self._data), "PATH": path},
            start_new_session=True,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.logged(lambda line: line.get("msg") == "serving initial configuration")
        if not self._data:
            for route in self._config.public:
                for host in [route.host, *([f"www.{route.host}"] if route.www else [])]:
                    self.obtained(host)
                    # It says that it has one before it shows it.
                    assert wait_until(partial(self._shows, host), DEADLINE), host
        assert wait_until(lambda: self.ready, DEADLINE), self.lines[-5:]
        return self

    def __exit__(self, *_: object) -> None:
        """End it and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        shutil.rmtree(self.folder)

    @property
    def ready(self) -> bool:
        """Whether its configuration is in force, as its health check sees it."""
        return (self.folder / drain.READY).exists()

    @property
    def draining(self) -> bool:
        """Whether it sends its clients away."""
        return (self.folder / drain.DRAINING).exists()

    @property
    def pid(self) -> int:
        """The process that Docker would know."""
        return self._process.pid

    @property
    def caddy(self) -> int:
        """The process of Caddy itself."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        names = {child: Path(f"/proc/{child}/comm").read_text().strip() for child in children}
        return next(int(child) for child, name in names.items() if name == "caddy")

    def steer(self, *others: RunningEdge) -> None:
        """Take all new connections, by the script that runs on a server."""
        found = [
            {
                "Name": f"/{edge.folder.name}",
                "State": {"Pid": edge.pid, "StartedAt": f"{edge.pid:010}"},
            }
            for edge in (self, *others)
        ]
        docker = self.folder / "docker"
        docker.write_text(f"#!/bin/sh\necho '{json.dumps(found)}'\n")
        docker.chmod(0o755)
        # The test is in the namespace already, and may not be allowed to enter any.
        script = steering.REMOTE_STEER.replace("libc.setns(namespace, 0)", "False")
        subprocess.run(
            [sys.executable, "-c", script, "holder", self.folder.name],
            env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"},
            check=True,
        )

    def stop(self) -> None:
        """What Docker sends first."""
        self._process.send_signal(signal.SIGTERM)

    def ended(self, timeout: float = DEADLINE) -> int:
        """Its exit code, when it has ended."""
        return self._process.wait(timeout)

    def flip(self, live: Mapping[str, str], gates: Mapping[str, str] | None = None) -> None:
        """Make other slots live, and set gates, by the script that runs on a server."""
        subprocess.run(
            [sys.executable, "-c", pointers.REMOTE_FLIP, self.slots],
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

    def _shows(self, host: str) -> bool:
        try:
            self.tls(host).close()
        except ssl.SSLError:
            return False
        return True

    @property
    def data(self) -> Path:
        """Where its certificates are."""
        return self._data or self.folder

    @property
    def slots(self) -> Path:
        """The folder of the pointers."""
        return self._beside.slots if self._beside else self.folder / "slots"

    @property
    def _admin(self) -> str:
        return f"unix/{self.folder}/admin.sock"

    def _document(self, config: EdgeConfig) -> str:
        for name, text in config.certificates.files.items():
            (self.folder / name).write_text(text)
        text = config.json().replace(pointers.MOUNTED, str(self.slots))
        text = text.replace(f"{FOLDER}/", f"{self.folder}/").replace(drain.RUN, str(self.folder))
        document = json.loads(text)
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
