"""How the copy's server is reached: by OpenSSH's client, with its host key pinned."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from .process import AgentError, Programs
from .settings import Settings

_CONNECT_SECONDS = 20
_REACH_SECONDS = 60.0
# What the client says, and what it means here.
_REASONS = (
    (
        "Host key verification failed",
        "the copy's server does not have the host key that is pinned (backup.copy_host_key)",
    ),
    (
        "Permission denied",
        "the copy's server refuses our key: its authorized_keys needs the public half of "
        "BACKUP_COPY_KEY",
    ),
)


def reach(settings: Settings) -> None:
    """Raise `AgentError` unless the copy's server lets us in: restic need not say why it cannot."""
    url = urlsplit(settings.copy_to)
    port = ["-P", str(url.port)] if url.port else []
    command = [
        "sftp",
        *_options(settings),
        "-b",
        "/dev/null",
        *port,
        f"{url.username}@{url.hostname}",
    ]
    try:
        Programs().run(command, seconds=_REACH_SECONDS)
    except AgentError as error:
        said = str(error)
        known = (meaning for words, meaning in _REASONS if words in said)
        meaning = next(known, "the copy's server cannot be reached")
        raise AgentError(f"{meaning}: {said}") from error


def restic_options(settings: Settings) -> list[str]:
    """The same for restic, which begins the client by itself."""
    return ["-o", f"sftp.args={shlex.join(_options(settings))}"]


def _options(settings: Settings) -> list[str]:
    """Options of the client. Nothing but its arguments tells it what to do or whom to trust."""
    told = (
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={settings.copy_known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        f"ConnectTimeout={_CONNECT_SECONDS}",
        # A server that is gone ends what waits for it.
        "ServerAliveInterval=30",
        "ServerAliveCountMax=4",
        "LogLevel=ERROR",
    )
    flags = [part for option in told for part in ("-o", option)]
    return ["-F", "none", "-i", settings.copy_key_file, *flags]
