"""Pebble, Let's Encrypt's small ACME server: its program, configuration and variables.

It keeps nothing: started again it knows no account and no order, and signs with a new root.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.images.sources import Sources
from localcloud.registry.authority import Authority

VERSION: Final = "v2.10.1"
PEBBLE: Final = f"github.com/letsencrypt/pebble/v2/cmd/pebble@{VERSION}"
NAMES: Final = f"github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv@{VERSION}"
"""A name server that has one address for every name."""


@dataclass(frozen=True, kw_only=True)
class Pebble:
    """How Pebble is run from a folder, which `write` fills.

    It listens on `address`, for clients at `port` and for the curious at `management`. It looks
    for a challenge's answer at `http_port` or `tls_port` of where `names` (host:port of a name
    server) says that a host is. `validity` is that of its certificates in seconds.
    `refused_nonces` percent of the good nonces are refused, and `reused` percent of the valid
    authorizations are taken again.
    """

    folder: Path
    address: str
    port: int
    management: int
    names: str
    http_port: int = 80
    tls_port: int = 443
    validity: int = 90 * 24 * 3600
    refused_nonces: int = 5
    reused: int = 50

    @property
    def directory(self) -> str:
        """The ACME directory's URL."""
        return f"https://{self.address}:{self.port}/dir"

    @property
    def roots(self) -> str:
        """Where the root is that its certificates end at."""
        return f"https://{self.address}:{self.management}/roots/0"

    @property
    def authority(self) -> Authority:
        """Who signs the certificate that it shows its clients; its own root comes too late."""
        return Authority(folder=self.folder / "ca")

    def write(self) -> None:
        """Write its configuration and its own certificate."""
        certificate, key = self.authority.issue("pebble", ["pebble"], [self.address])
        configuration = {
            "listenAddress": f"{self.address}:{self.port}",
            "managementListenAddress": f"{self.address}:{self.management}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "keyAlgorithm": "ecdsa",
            "profiles": {"default": {"description": "default", "validityPeriod": self.validity}},
            "retryAfter": {"authz": 1, "order": 1},
        }
        self._configuration.write_text(json.dumps({"pebble": configuration}, indent=1))

    def command(self, sources: Sources) -> list[str]:
        """The command that runs it; its program is built when it is not there."""
        return [
            str(sources.go(PEBBLE)), "-strict", "-config", str(self._configuration),
            "-dnsserver", self.names,
        ]  # fmt: skip

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that it reads."""
        return {
            # It would wait up to 15 s before it looks at a challenge's answer.
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": str(self.refused_nonces),
            "PEBBLE_AUTHZREUSE": str(self.reused),
        }

    @property
    def _configuration(self) -> Path:
        return self.folder / "pebble.json"
