"""A server's SSH host key, known before the server exists.

The key is derived from a random text that the state keeps encrypted, so a rebuilt server has it
again and the pinned public key stays right. OpenSSH's private format (PROTOCOL.key in its source)
holds a random check number; here it comes from the key itself, since text that differed at each
run would replace the server.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_KIND = b"ssh-ed25519"
_MAGIC = b"openssh-key-v1\0"
_BLOCK = 8


@dataclass(frozen=True)
class HostKey:
    """An Ed25519 key in OpenSSH's forms: `private` a PEM text, `public` one line."""

    private: str
    public: str


def seed_of(text: str) -> str:
    """A seed from a random text that holds at least as much chance as an Ed25519 key."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def host_key(seed: str) -> HostKey:
    """The key of a seed (base64 of 32 bytes). The same seed gives the same text."""
    secret = base64.b64decode(seed)
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    blob = _string(_KIND) + _string(public)
    check = hashlib.sha256(blob).digest()[:4]
    comment = b"manacore"
    private = check + check + blob + _string(secret + public) + _string(comment)
    private += bytes(range(1, 1 + -len(private) % _BLOCK))
    document = (
        _MAGIC
        + _string(b"none")
        + _string(b"none")
        + _string(b"")
        + struct.pack(">I", 1)
        + _string(blob)
        + _string(private)
    )
    text = base64.b64encode(document).decode()
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    return HostKey(
        private="\n".join(
            ["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""]
        ),
        public=f"ssh-ed25519 {base64.b64encode(blob).decode()}",
    )


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
