"""The journal as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from .archived import Archived
from .journal import Journal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_Values = Mapping[str, float]


def render(journal: Journal, sources: Sequence[str], due: Mapping[str, datetime]) -> str:
    """All metrics, of the sources that are backed up now; what is not known is left out."""
    backups = {name: journal.backups[name] for name in sources if name in journal.backups}
    proofs = {name: journal.proofs[name] for name in sources if name in journal.proofs}
    good = {name: one.good.timestamp() for name, one in backups.items() if one.good}
    run, verify = journal.run, journal.verify
    sizes = {name: float(one.size) for name, one in backups.items()}
    counted = {name: float(one.counted) for name, one in backups.items()}
    parts = [
        _gauge("backup_last_success_timestamp_seconds", "When the last good backup ended.", good),
        _gauge("backup_suspect", "1: the last backup has much less than the one before it.",
               {name: float(one.suspect) for name, one in backups.items()}),
        _gauge("backup_stored", "1: the last backup of the source is in the bucket.",
               {name: float(one.stored) for name, one in backups.items()}),
        _gauge("backup_counted", "Rows, keys, or bytes of files in the last backup.", counted),
        _gauge("backup_bytes", "Size of the last dump.", sizes),
        _gauge("backup_duration_seconds", "How long the last backup took.",
               {name: one.seconds for name, one in backups.items()}),
        _one("backup_ok", "1: the last run stored every source.", run and float(run.done)),
        _one("backup_last_run_timestamp_seconds", "When the last run ended.",
             run and run.ended.timestamp()),
        _gauge("verify_ok", "1: the source was restored as it was backed up.",
               {name: float(one.held) for name, one in proofs.items()}),
        _gauge("verify_backup_age_seconds", "How old the backup was that was proven.",
               {name: one.age_hours * 3600 for name, one in proofs.items()}),
        _one("verify_done", "1: the last proof could be carried out.",
             verify and float(verify.done)),
        _one("verify_duration_seconds", "How long the last proof took.",
             verify and (verify.ended - verify.started).total_seconds()),
        _one("verify_last_run_timestamp_seconds", "When the last proof ended.",
             verify and verify.ended.timestamp()),
        _one("verify_last_success_timestamp_seconds", "When all were proven last.",
             journal.proven and journal.proven.timestamp()),
        _gauge("backup_next_timestamp_seconds", "When the agent does it next.",
               {verb: moment.timestamp() for verb, moment in due.items()}, "verb"),
    ]  # fmt: skip
    return "".join(parts)


def archive(journal: Journal, archived: Archived | None) -> str:
    """How far the archive reaches; nothing where nothing is archived."""
    if archived is None:
        return ""
    until, based = archived.until, journal.based_at
    return "".join(
        [
            _one("archive_until_timestamp_seconds", "What was committed until then is archived.",
                 until and until.timestamp()),
            _one("archive_since_timestamp_seconds", "Since when the log is archived without a gap.",
                 archived.since.timestamp()),
            _one("archive_waiting_bytes", "What waits here for the bucket.",
                 float(archived.waiting)),
            _one("archive_ok", "1: the bucket took what was sent last.",
                 float(not archived.problem)),
            _one("archive_base_timestamp_seconds", "When the last base backup ended.",
                 based and based.timestamp()),
        ]
    )  # fmt: skip


def copy(journal: Journal) -> str:
    """How the second copy is, where one is wanted."""
    last, copied = journal.copy, journal.copied_at
    return "".join(
        [
            _one("copy_wanted", "1: the backups have a second copy.", 1.0),
            _one("copy_ok", "1: the last copy has all that it was to have.",
                 last and float(last.done)),
            _one("copy_last_run_timestamp_seconds", "When the last copy ended.",
                 last and last.ended.timestamp()),
            _one("copy_last_success_timestamp_seconds", "When the last good copy ended.",
                 copied and copied.timestamp()),
            _one("copy_duration_seconds", "How long the last copy took.",
                 last and (last.ended - last.started).total_seconds()),
        ]
    )  # fmt: skip


def _one(name: str, meaning: str, value: float | None) -> str:
    return "" if value is None else _head(name, meaning) + f"manacore_{name} {value!r}\n"


def _gauge(name: str, meaning: str, values: _Values, label: str = "source") -> str:
    lines = [f'manacore_{name}{{{label}="{_escaped(key)}"}} {v!r}\n' for key, v in values.items()]
    return _head(name, meaning) + "".join(lines) if lines else ""


def _head(name: str, meaning: str) -> str:
    return f"# HELP manacore_{name} {meaning}\n# TYPE manacore_{name} gauge\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
