"""How the copy's server is reached: by OpenSSH's client, with its host key pinned."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from .process import AgentError, Programs
from .settings import Settings

_CONNECT_SECONDS = 20
_REACH_SECONDS = 60.0
# What `ls` says where no snapshot is.
_NOTHING = 'snapshots/*" not found'
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
    try:
        _done(settings, "")
    except AgentError as error:
        said = str(error)
        known = (meaning for words, meaning in _REASONS if words in said)
        meaning = next(known, "the copy's server cannot be reached")
        raise AgentError(f"{meaning}: {said}") from error


def clear_unfinished(settings: Settings, address: str) -> bool:
    """Remove the keys of a repository that was never finished, and say whether it was none.

    restic makes no repository where keys are: one that was ended between key and configuration
    would stay so for ever. Where snapshots are, something else is wrong, and nothing is touched.
    """
    path = urlsplit(address).path.removeprefix("/")
    try:
        _done(settings, f"ls -1 {path}/snapshots/*\n")
    except AgentError as error:
        if _NOTHING not in str(error):
            raise
    else:
        return False
    _done(settings, f"rm {path}/keys/*\n")
    return True


def _done(settings: Settings, batch: str) -> None:
    """Let the server do what a batch says; raises `AgentError` with what the client said."""
    url = urlsplit(settings.copy_to)
    port = ["-P", str(url.port)] if url.port else []
    login = f"{url.username}@{url.hostname}"
    command = ["sftp", *_options(settings), "-b", "-", *port, login]
    Programs().run(command, stdin=batch, seconds=_REACH_SECONDS)


def restic_options(settings: Settings) -> list[str]:
    """The same for restic, which begins the client by itself."""
    return [f"--option=sftp.args={shlex.join(_options(settings))}"]


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
