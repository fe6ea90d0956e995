"""Why a request is lost, in a few words."""

from __future__ import annotations

import ssl

import h11
from websockets.exceptions import WebSocketException

# What a connection may raise; anything else is an error of the prober itself.
LOST = (OSError, h11.RemoteProtocolError, WebSocketException, EOFError)
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (ConnectionAbortedError, "reset"),
    (BrokenPipeError, "reset"),
    # OpenSSL's word for a connection that ends within the handshake.
    (ssl.SSLEOFError, "closed before the answer"),
    (EOFError, "closed before the answer"),
)
_LONGEST = 200


def reason(error: Exception) -> str:
    """Why a request is lost; `error` is one of `LOST`."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, h11.RemoteProtocolError):
        return f"answer cut off or malformed: {error}"[:_LONGEST]
    return f"{type(error).__name__}: {error}"[:_LONGEST]
