"""A configured Docker host: its API client, its registries' credentials, its health watcher."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import docker
from docker import errors, tls
from requests import exceptions

from localcloud.providers.docker.api import DockerApi
from localcloud.providers.docker.health import HealthWatcher
from localcloud.providers.docker.registries import Credentials, load_credentials
from localcloud.providers.docker.tunnel import Tunnel
from localcloud.providers.framework import ProviderError, Values

# A pull of a big layer may be silent for long, and a stop for as long as the container may take.
_API_TIMEOUT_SECONDS: Final = 1200
_POOL_SIZE: Final = 64
_IDLE_SECONDS: Final = 120.0


class DockerHost:
    """One Docker daemon as one provider resource sees it; safe to use from many threads."""

    def __init__(self, config: Values) -> None:
        self._url: str = _host_of(config)
        self._options: Sequence[str] = config.get("sshOpts", [])
        self._tls = _tls_of(config)
        self._tunnel = Tunnel(self._url, self._options) if self._url.startswith("ssh://") else None
        self._lock = threading.Lock()
        self._api: DockerApi | None = None
        self._socket: Path | None = None
        self._users = 0
        self._last_use = time.monotonic()
        self.health: Final = HealthWatcher(self.api)
        self.credentials: Final[Credentials] = load_credentials(config.get("registryAuth", []))

    @contextmanager
    def api(self) -> Generator[DockerApi]:
        """The API; the connection is kept for as long as something uses it."""
        with self._lock:
            self._users += 1
        try:
            yield self._connected()
        finally:
            with self._lock:
                self._users -= 1
                self._last_use = time.monotonic()

    def ping(self) -> None:
        """Fail when the daemon cannot be reached; a connection that has died is made anew once."""
        try:
            with self.api() as api:
                api.ping()
        except ProviderError:
            if self._tunnel is None:
                raise self._unreachable() from None
            self._tunnel.close()
            try:
                with self.api() as api:
                    api.ping()
            except ProviderError as error:
                raise self._unreachable(str(error)) from error

    def close_when_idle(self, now: float) -> None:
        """End the connection when nothing has used it for a while."""
        with self._lock:
            idle = self._users == 0 and now - self._last_use > _IDLE_SECONDS
        if idle:
            self.close()

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        if self._tunnel is not None:
            self._tunnel.close()

    def _unreachable(self, detail: str = "") -> ProviderError:
        return ProviderError(
            f"Error pinging Docker server, please make sure that {self._url} is reachable and has "
            f"a '_ping' endpoint. {detail}".rstrip()
        )

    def _connected(self) -> DockerApi:
        with self._lock:
            socket = self._tunnel.socket() if self._tunnel is not None else None
            if self._api is None or socket != self._socket:
                url = f"http+unix://{socket}" if socket is not None else self._url
                self._api = self._connect(url)
                self._socket = socket
            return self._api

    def _connect(self, url: str) -> DockerApi:
        try:
            client = docker.APIClient(
                base_url=url,
                version="auto",
                timeout=_API_TIMEOUT_SECONDS,
                tls=self._tls or False,
                max_pool_size=_POOL_SIZE,
            )
        except (errors.DockerException, exceptions.RequestException) as error:
            raise ProviderError(f"cannot reach Docker at {self._url}: {error}") from error
        return DockerApi(client, self._url)


def _host_of(config: Mapping[str, Any]) -> str:
    if not config.get("context"):
        return str(config["host"])
    for meta in (Path.home() / ".docker/contexts/meta").glob("*/meta.json"):
        content = json.loads(meta.read_text())
        if content.get("Name") == config["context"]:
            return str(content["Endpoints"]["docker"]["Host"])
    raise ProviderError(f"Error loading Docker context '{config['context']}': not found")


def _tls_of(config: Mapping[str, Any]) -> tls.TLSConfig | None:
    if any(config.get(name) for name in ("caMaterial", "certMaterial", "keyMaterial")):
        raise ProviderError(
            "the local cloud's docker provider takes certificates as files only (certPath)"
        )
    if not config.get("certPath"):
        return None
    folder = Path(config["certPath"])
    pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
    return tls.TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)


class _Pool:
    """The hosts by configuration: the same provider in preview, update and the next run is one."""

    def __init__(self) -> None:
        self._hosts: dict[str, DockerHost] = {}
        self._lock = threading.Lock()
        self._reaper: threading.Thread | None = None

    def get(self, config: Values) -> DockerHost:
        """The host of that configuration."""
        key = json.dumps([config, os.environ.get("SSH_AUTH_SOCK")], sort_keys=True)
        with self._lock:
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._reap, daemon=True)
                self._reaper.start()
            if key not in self._hosts:
                self._hosts[key] = DockerHost(config)
            return self._hosts[key]

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            for host in self._hosts.values():
                host.close()

    def _reap(self) -> None:
        while True:
            time.sleep(_IDLE_SECONDS / 4)
            with self._lock:
                hosts = list(self._hosts.values())
            for host in hosts:
                host.close_when_idle(time.monotonic())


_POOL: Final = _Pool()
atexit.register(_POOL.close)


def connect(config: Values) -> DockerHost:
    """What the provider's Configure makes; fails when the daemon does not answer."""
    host = _POOL.get(config)
    if not config.get("disableDockerDaemonCheck"):
        host.ping()
    return host
