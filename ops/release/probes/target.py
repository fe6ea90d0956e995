"""What is probed, and how its certificate is checked."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Target:
    """A public host name, in ASCII.

    Connections go to `address` and `port` (without an address: to what DNS says), with `host`
    in SNI and in the Host header. `verify` is True for the machine's authorities, False for no
    check, or a file of authorities. Uploads go to `upload_path`, which is `path` when None: one
    that does not take them answers early, and then proves little.
    """

    host: str
    address: str | None = None
    port: int = 443
    path: str = "/"
    upload_path: str | None = None
    verify: bool | Path = True
    websocket: bool = False
    websocket_path: str = "/"

    @property
    def connect_to(self) -> str:
        """The address to connect to, or the name that DNS is asked for."""
        return self.address or self.host


@cache
def tls(verify: bool | Path) -> ssl.SSLContext:
    """The TLS settings for a target's `verify`; `OSError` when the file cannot be read."""
    if isinstance(verify, Path):
        context = ssl.create_default_context(cafile=str(verify))
    else:
        context = ssl.create_default_context()
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
