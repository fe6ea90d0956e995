"""The second copy of the backups: how the configuration names its server, and what it needs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

from pydantic import SecretStr

from catalog.problem import Problem

SECRET = "BACKUP_COPY_KEY"  # noqa: S105 - its name
# Hetzner's Storage Boxes: at 22 they take other forms of keys.
_PORT = 23
_ADDRESS = re.compile(
    r"(?P<login>sftp://[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>//?[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)/?"
)
_HOST_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) AAAA[A-Za-z0-9+/]+={0,2}"
)
_PRIVATE_KEY = re.compile(
    r"\s*-----BEGIN (?P<kind>[A-Z ]*)PRIVATE KEY-----(?P<body>.*)"
    r"-----END [A-Z ]*PRIVATE KEY-----\s*",
    re.DOTALL,
)
# OpenSSH's own form (PROTOCOL.key in its source): this, and the length and name of its cipher.
_WITHOUT_PASSPHRASE = b"openssh-key-v1\0" + (4).to_bytes(4) + b"none"


def address(text: str) -> str:
    """The address as restic takes it, with its port; raises `ValueError`."""
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"] or _PORT) if found else 0
    if found is None or not 0 < port < 1 << 16:
        raise ValueError(
            f"{text!r} is no address: write sftp://USER@HOST/PATH, with :PORT where it is not "
            f"{_PORT}"
        )
    return f"{found['login']}:{port}{found['path']}"


def host_key(text: str) -> str:
    """A server's public key, without its name or a comment; raises `ValueError`."""
    if not _HOST_KEY.fullmatch(text):
        raise ValueError(
            f"{text!r} is no host key: write its type and its base64, such as ssh-ed25519 AAAA..., "
            f"as `ssh-keyscan -p {_PORT} HOST` prints them after the name"
        )
    return text


def problems(
    given: Mapping[str, str | None], secrets: Mapping[str, SecretStr], file: str
) -> Iterator[Problem]:
    """What is missing beside the others, or is of no use without them.

    `given` are the keys of `backup` that are about the copy.
    """
    if not given["copy_to"]:
        for key, value in given.items():
            if value:
                yield _alone(f"{file}: backup.{key}")
        if SECRET in secrets:
            yield _alone(f"{file}: secrets.{SECRET}")
        return
    if not given["copy_host_key"]:
        yield Problem(
            path=f"{file}: backup.copy_host_key",
            message="is missing, and backup.copy_to is set",
            remedy=f"add what `ssh-keyscan -p {_PORT} HOST` prints after the name, once you have "
            "compared it with what the vendor publishes",
        )
    wrong = _wrong(secrets[SECRET].get_secret_value()) if SECRET in secrets else "is missing"
    if wrong:
        yield Problem(
            path=f"{file}: secrets.{SECRET}",
            message=wrong,
            remedy=f"pulumi config set --secret --path 'secrets.{SECRET}' < FILE, "
            "made by ssh-keygen -t ed25519 -N ''",
        )


def _alone(path: str) -> Problem:
    return Problem(
        path=path,
        message="is set, and backup.copy_to is not",
        remedy="set backup.copy_to, or remove it",
    )


def _wrong(private_key: str) -> str:
    """Why OpenSSH's client could not use a private key by itself; empty when it can."""
    found = _PRIVATE_KEY.fullmatch(private_key)
    if found is None:
        return "is no private key"
    if found["kind"] != "OPENSSH ":
        encrypted = "ENCRYPTED" in found["kind"] + found["body"]
    else:
        try:
            decoded = base64.b64decode("".join(found["body"].split()), validate=True)
        except binascii.Error:
            return "is no private key"
        encrypted = not decoded.startswith(_WITHOUT_PASSPHRASE)
    return "has a passphrase, which nobody could enter" if encrypted else ""
