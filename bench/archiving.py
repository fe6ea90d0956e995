"""The archive of the log: what it takes while nothing happens, a base backup, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.backups import agent
from bench.ledger import Ledger
from bench.servers import Servers
from components.data.postgres import ARCHIVE_ROLE
from images.backup.agent.archived import Archived

# What is in a segment in which nothing happens does not depend on how long that was.
_BEAT_SECONDS = 2
_SEGMENTS = 8
_PATIENCE = 600


def measure(servers: Servers, ledger: Ledger) -> None:
    """Measure it; raises `ServersError` when something fails."""
    ledger.head("the archive")
    servers.more |= {"archive_user": ARCHIVE_ROLE, "beat_seconds": _BEAT_SECONDS}
    archiver = servers.start_process(*servers.command("archive"))
    state = servers.root / "work/archived.json"
    servers.until(state.exists)
    base, _ = agent(servers, "base")
    (packed,) = [file for file in servers.objects("archive") if ".tar.gz" in file.name]
    size = packed.stat().st_size
    on_disk = int(servers.sql("SELECT sum(pg_database_size(oid)) FROM pg_database"))
    ledger.line("base backup", base, f"{size / base.seconds / 1e6:.0f} MB/s into the bucket")
    ledger.size("its size", size, f"{on_disk / size:.1f} times smaller than on the disk")
    servers.sql("CHECKPOINT", "postgres")
    seen = len(_segments(servers))
    servers.until(lambda: len(_segments(servers)) >= seen + _SEGMENTS, _PATIENCE)
    idle = [file.stat().st_size for file in _segments(servers)[-_SEGMENTS + 1 :]]
    ledger.size("a segment in which nothing happened", median(idle), f"{min(idle)} to {max(idle)}")
    day = median(idle) * 86400 / 45
    ledger.size("a day of them, one each 45 s", day)
    servers.sql("UPDATE messages SET body = 'the last word' WHERE id = 1")
    moment = datetime.now(UTC)
    servers.until(lambda: _reaches(servers, moment), _PATIENCE)
    proof, _ = agent(servers, "verify")
    ledger.line("the agent's proof, with the archive's", proof)
    archiver.terminate()
    archiver.wait()
    back, told = agent(
        servers, "restore", "postgres/chat", "--to", "latest", "--beside", "chat_then"
    )
    ledger.line("restore --to latest", back, f"until {told['last']}")
    word = servers.sql("SELECT body FROM messages WHERE id = 1", "chat_then")
    if word != "the last word":
        ledger.head(f"  the restore lacks what was archived: {word!r}")
        ledger.kept = False


def _segments(servers: Servers) -> list[Path]:
    return [file for file in servers.objects("archive") if "/wal/" in str(file)]


def _reaches(servers: Servers, moment: datetime) -> bool:
    """Whether what was committed before then is in the bucket."""
    archived = Archived.read(str(servers.root / "work"))
    return bool(archived and archived.until and archived.until > moment)
