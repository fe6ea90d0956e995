"""The alert rules, judged by Prometheus' own tool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.monitoring.prometheus import rules
from localcloud.home import Home
from localcloud.images.sources import Sources

# Needs the local cloud's packages, and no local cloud.
pytestmark = pytest.mark.local

DATABASE = '{source="postgres/chat",instance="backup:9187"}'
RUN, PROOF = "manacore_backup_last_success_timestamp_seconds", "manacore_verify_last_success"
ARCHIVED, BASE, SINCE = (
    f"manacore_archive_{what}_timestamp_seconds" for what in ("until", "base", "since")
)
HOUR, DAY = 3600, 86400
COPY, WANTED = "manacore_copy_last_success_timestamp_seconds", "manacore_copy_wanted"
LONG = 10 * DAY
# All is well for ten days: a backup at every full hour, a proof at every full day.
WELL: dict[str, str] = {
    "manacore_backup_ok": f"1x{LONG // HOUR}",
    f"manacore_backup_suspect{DATABASE}": f"0x{LONG // HOUR}",
    f"{RUN}{DATABASE}": f"0+{HOUR}x{LONG // HOUR}",
    f"{PROOF}_timestamp_seconds": f"0+{HOUR}x{LONG // HOUR}",
    f"manacore_verify_ok{DATABASE}": f"1x{LONG // HOUR}",
    ARCHIVED: f"0+{HOUR}x{LONG // HOUR}",
    BASE: f"0+{HOUR}x{LONG // HOUR}",
    SINCE: f"0x{LONG // HOUR}",
    WANTED: f"1x{LONG // HOUR}",
    "manacore_copy_ok": f"1x{LONG // HOUR}",
    COPY: f"0+{HOUR}x{LONG // HOUR}",
}


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, out of Debian's package."""
    folder = tmp_path_factory.mktemp("promtool")
    sources = Sources(Home.from_environment().images / "sources")
    package = sources.debian("testing", ["promtool"])["promtool"]
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
    (folder / "rules.yml").write_text(rules())
    return folder / "usr/bin/promtool"


def firing(promtool: Path, series: dict[str, str]) -> set[str]:
    """The alerts that these figures raise in the end, by the tool's own report of them."""
    names = [rule["alert"] for rule in json.loads(rules())["groups"][0]["rules"]]
    case: dict[str, Any] = {
        "interval": "1h",
        "input_series": [{"series": k, "values": v} for k, v in series.items()],
        # Each is expected to be silent: the tool names those that are not.
        "alert_rule_test": [
            {"eval_time": f"{LONG // HOUR}h", "alertname": name, "exp_alerts": []} for name in names
        ],
    }
    file = promtool.parents[2] / "test.yml"
    file.write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1h", "tests": [case]})
    )
    done = subprocess.run(
        [str(promtool), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    told = done.stdout + done.stderr
    found = {name for name in names if f"alertname: {name}," in told}
    assert bool(found) == (done.returncode != 0), told
    return found


def test_the_tool_accepts_the_rules(promtool: Path) -> None:
    command = [str(promtool), "check", "rules", str(promtool.parents[2] / "rules.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_backups_that_are_well_raise_nothing(promtool: Path) -> None:
    assert firing(promtool, WELL) == set()


@pytest.mark.parametrize(
    ("series", "figures", "alert"),
    [
        ("manacore_backup_ok", f"1x{LONG // HOUR - 2} 0 0 0", "BackupFailed"),
        (f"manacore_backup_suspect{DATABASE}", f"1x{LONG // HOUR}", "BackupSuspect"),
        (f"{RUN}{DATABASE}", f"0+0x{LONG // HOUR}", "BackupStale"),
        (f"{RUN}{DATABASE}", "0", "BackupUnknown"),
        (f"manacore_verify_ok{DATABASE}", f"0x{LONG // HOUR}", "RestoreProofFailed"),
        (f"{PROOF}_timestamp_seconds", f"0+0x{LONG // HOUR}", "RestoreProofStale"),
        (f"{PROOF}_timestamp_seconds", "0", "RestoreProofUnknown"),
        (ARCHIVED, f"-300+{HOUR}x{LONG // HOUR}", "ArchiveBehind"),
        (ARCHIVED, "0", "ArchiveUnknown"),
        (SINCE, f"0x{LONG // HOUR - 3} 7 7 7", "ArchiveGap"),
        (BASE, f"0+0x{LONG // HOUR}", "ArchiveBaseStale"),
        (BASE, "0", "ArchiveBaseUnknown"),
        ("manacore_copy_ok", f"0x{LONG // HOUR}", "CopyFailed"),
        (COPY, f"0+0x{LONG // HOUR}", "CopyStale"),
        (COPY, "0", "CopyUnknown"),
    ],
)
def test_each_way_to_lose_backups_raises_its_alert_alone(
    promtool: Path, series: str, figures: str, alert: str
) -> None:
    assert firing(promtool, {**WELL, series: figures}) == {alert}


def test_where_nobody_wants_a_copy_none_is_missing(promtool: Path) -> None:
    without = {name: figures for name, figures in WELL.items() if "copy" not in name}
    assert firing(promtool, without) == set()
