"""A prober in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from ops.release.probes.pace import Pace
from ops.release.probes.target import Target
from ops.release.probing import Probing
from tests.ops.release.site import Site

PACE = Pace(
    keep_alive_per_second=50, new_connections_per_second=0, upload_seconds=0, answer_seconds=5
)


def seen(site: Site, answers: int) -> None:
    """Wait until the server has given so many answers."""
    deadline = time.monotonic() + 30
    while site.answers < answers:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_reports_what_the_server_saw_by_phase(site: Site, target: Target) -> None:
    with Probing([target], PACE) as probing:
        seen(site, 5)
        probing.mark("flip")
        seen(site, 10)
    report = probing.report()
    assert (report.sent, report.failed, report.broken) == (site.answers, 0, "")
    assert [phase.name for phase in report.phases] == ["start", "flip"]
    assert sum(phase.sent for phase in report.phases) == report.sent


def test_a_process_that_is_lost_is_in_the_report_and_fails_nothing(
    site: Site, target: Target
) -> None:
    with Probing([target], PACE) as probing:
        seen(site, 1)
        children = subprocess.run(
            ["pgrep", "--parent", str(os.getpid()), "--full", "ops.release.probing"],
            capture_output=True,
            text=True,
            check=True,
        )
        os.kill(int(children.stdout), signal.SIGKILL)
        probing.mark("flip")
    report = probing.report()
    assert report.broken == "ended without a report: exit code -9"
    assert (report.sent, [host.host for host in report.hosts]) == (0, ["one.example.test"])


def test_wrong_targets_are_refused_before_anything_is_sent(target: Target) -> None:
    with pytest.raises(ValueError, match=r"named twice: one\.example\.test"):
        Probing([target, target])
