"""A base backup: the whole server, copied into the bucket while it works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .archive import Archive, Base
from .archived import Archived
from .process import AgentError
from .receiver import Cluster
from .settings import Settings
from .sources import databases_server


def take(settings: Settings, now: datetime, ended: Callable[[], datetime]) -> Base:
    """Take one; raises `AgentError`. It continues with the log that is archived meanwhile."""
    server, archive = Cluster(settings=settings), Archive(settings)
    cluster = server.identity()
    known = Archived.read(settings.work)
    if known is None or known.cluster != cluster:
        raise AgentError("the log of this server is not archived yet")
    archive.check_key(cluster)
    size = sum(databases_server(settings).sizes().values())
    name, first = now.strftime("%Y%m%dT%H%M%SZ"), server.segment()
    archive.take(
        [
            "pg_basebackup", *server.options, "--pgdata=-", "--format=tar", "--wal-method=none",
            "--checkpoint=fast", "--compress=client-gzip:1", "--label=archive",
        ],
        cluster,
        name,
    )  # fmt: skip
    base = Base(
        cluster=cluster, name=name, started=now, ended=ended(), first=first, last=server.segment(),
        size=size,
    )  # fmt: skip
    archive.complete(base)
    return base
