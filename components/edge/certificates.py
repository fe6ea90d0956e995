"""Who issues the edge's certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ROOT_FILE = "acme-root.pem"
FOLDER = "/etc/edge"


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Who issues certificates: an ACME directory, or the edge's own authority.

    `root` is the certificate (PEM) of a private directory that the system does not trust.
    `proxied` are the hosts behind somebody else's TLS: what is answered in a handshake
    (TLS-ALPN-01) never gets there, so only HTTP-01 is tried for them. Every failed attempt counts
    against the authority's limits.
    """

    issuer: Literal["acme", "internal"]
    email: str
    directory: str
    root: str | None = None
    proxied: Sequence[str] = ()

    @property
    def files(self) -> dict[str, str]:
        """The files that `document` refers to, which the edge finds in its folder."""
        return {ROOT_FILE: self.root} if self.root else {}

    def document(self) -> dict[str, Any]:
        """Caddy's TLS app."""
        policies: list[dict[str, Any]] = [{"issuers": [self._issuer()]}]
        if self.issuer == "acme" and self.proxied:
            by_http = {**self._issuer(), "challenges": {"tls-alpn": {"disabled": True}}}
            policies.insert(0, {"subjects": sorted(self.proxied), "issuers": [by_http]})
        return {"automation": {"policies": policies}}

    def _issuer(self) -> dict[str, Any]:
        if self.issuer == "internal":
            return {"module": "internal"}
        trusted = {"trusted_roots_pem_files": [f"{FOLDER}/{ROOT_FILE}"]} if self.root else {}
        return {"module": "acme", "ca": self.directory, "email": self.email, **trusted}
