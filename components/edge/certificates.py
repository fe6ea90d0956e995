"""Who issues the edge's certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ROOT_FILE = "acme-root.pem"
FOLDER = "/etc/edge"


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Who issues certificates: an ACME directory, or the edge's own authority.

    `root` is the certificate (PEM) of a private directory that the system does not trust.
    """

    issuer: Literal["acme", "internal"]
    email: str
    directory: str
    root: str | None = None

    @property
    def files(self) -> dict[str, str]:
        """The files that `document` refers to, which the edge finds in its folder."""
        return {ROOT_FILE: self.root} if self.root else {}

    def document(self) -> dict[str, Any]:
        """Caddy's TLS app."""
        return {"automation": {"policies": [{"issuers": [self._issuer()]}]}}

    def _issuer(self) -> dict[str, Any]:
        if self.issuer == "internal":
            return {"module": "internal"}
        trusted = {"trusted_roots_pem_files": [f"{FOLDER}/{ROOT_FILE}"]} if self.root else {}
        return {"module": "acme", "ca": self.directory, "email": self.email, **trusted}
