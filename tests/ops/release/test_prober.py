"""The prober against real HTTPS servers, whose own counts it has to agree with."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ops.release.probe_report import Kind
from ops.release.prober import Prober
from ops.release.probes.pace import Pace
from ops.release.probes.target import Target
from tests.ops.release.authority import Authority
from tests.ops.release.site import Loop, Site

ONLY_KEEP_ALIVE = Pace(
    keep_alive_per_second=50,
    new_connections_per_second=0,
    upload_seconds=0,
    connect_seconds=5,
    answer_seconds=5,
)
ONLY_NEW = replace(ONLY_KEEP_ALIVE, keep_alive_per_second=0, new_connections_per_second=30)
ONLY_UPLOAD = replace(ONLY_KEEP_ALIVE, keep_alive_per_second=0, upload_seconds=0.4)


def test_every_request_is_counted_once_and_one_connection_is_reused(
    site: Site, target: Target
) -> None:
    with Prober([target], ONLY_KEEP_ALIVE) as prober:
        assert prober.wait_for_each_host(10)
    report = prober.report()
    assert report.sent == site.answers >= 10
    assert (report.failed, report.reopened, site.connections) == (0, 0, 1)
    assert report.hosts[0].statuses == {200: report.sent}
    assert report.p50_ms is not None
    assert report.p99_ms is not None
    assert 0 < report.p50_ms <= report.p99_ms
    assert report.broken == ""


def test_each_host_is_named_in_sni_and_in_the_host_header(site: Site, target: Target) -> None:
    other = replace(target, host="two.example.test")
    with Prober([target, other], ONLY_KEEP_ALIVE) as prober:
        assert prober.wait_for_each_host(1)
    assert site.names == site.hosts == {"one.example.test", "two.example.test"}
    assert [host.failed for host in prober.report().hosts] == [0, 0]


def test_a_certificate_for_another_host_fails_unless_it_is_not_checked(
    site: Site, target: Target
) -> None:
    wrong = replace(target, host="elsewhere.test")
    with Prober([wrong], ONLY_NEW) as prober:
        assert prober.wait_for_each_host(1)
    report = prober.report()
    assert report.sent == report.failed
    assert report.failures[0].reason.startswith("certificate: ")
    with Prober([replace(wrong, verify=False)], ONLY_NEW) as prober:
        assert prober.wait_for_each_host(1)
    assert prober.report().failed == 0


def test_a_new_connection_is_made_for_each_request(site: Site, target: Target) -> None:
    with Prober([target], ONLY_NEW) as prober:
        assert prober.wait_for_each_host(5)
    report = prober.report()
    assert report.sent == site.answers == site.connections
    assert report.failed == 0


def test_answers_of_500_are_failures_exactly(site: Site, target: Target) -> None:
    site.statuses = (200, 404, 503)
    with Prober([target], ONLY_KEEP_ALIVE) as prober:
        assert prober.wait_for_each_host(9)
    report = prober.report()
    assert report.sent == site.answers
    assert report.failed == site.answers // 3
    assert {failure.reason for failure in report.failures} == {"answered 503"}
    assert report.reopened == 0


@pytest.mark.parametrize("pace", [ONLY_KEEP_ALIVE, ONLY_NEW])
def test_every_reset_after_a_request_is_a_lost_request(
    site: Site, target: Target, pace: Pace
) -> None:
    site.behaviour = "reset"
    with Prober([target], pace) as prober:
        assert prober.wait_for_each_host(5)
    report = prober.report()
    assert report.sent == report.failed == site.requests
    assert {failure.reason for failure in report.failures} == {"reset"}


def test_a_server_that_never_answers_is_a_timeout(site: Site, target: Target) -> None:
    site.behaviour = "silent"
    with Prober([target], replace(ONLY_KEEP_ALIVE, answer_seconds=0.2)) as prober:
        assert prober.wait_for_each_host(2)
    report = prober.report()
    assert report.sent == report.failed == site.requests
    assert {failure.reason for failure in report.failures} == {"timeout"}


def test_nobody_at_the_port_is_refused(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = replace(target, port=free.getsockname()[1])
    with Prober([nobody], ONLY_NEW) as prober:
        assert prober.wait_for_each_host(2)
    assert {failure.reason for failure in prober.report().failures} == {"refused"}


@pytest.mark.parametrize("behaviour", ["closing", "close_idle"])
def test_a_connection_closed_between_requests_is_reopened_and_no_failure(
    site: Site, target: Target, behaviour: str
) -> None:
    site.behaviour = behaviour
    # Slow enough for the close to arrive first: a request that crosses it would be lost.
    with Prober([target], replace(ONLY_KEEP_ALIVE, keep_alive_per_second=10)) as prober:
        assert prober.wait_for_each_host(5)
    report = prober.report()
    assert report.failed == 0
    assert report.sent == site.connections == site.answers
    assert report.reopened == report.sent - 1


def test_a_killed_server_loses_requests_until_the_next_one_listens(
    site: Site, target: Target, loop: Loop, listener: socket.socket, authority: Authority
) -> None:
    pace = replace(ONLY_KEEP_ALIVE, new_connections_per_second=30)
    after = Site(authority)
    with Prober([target], pace) as prober:
        assert prober.wait_for_each_host(5)
        prober.mark("killed")
        listener.close()
        loop.run(site.kill())
        assert prober.wait_for_each_host(2)
        with socket.create_server(("127.0.0.1", target.port)) as again:
            loop.run(after.start(again))
        assert prober.wait_for_each_host(2)
        prober.mark("back")
        assert prober.wait_for_each_host(5)
    loop.run(after.kill())
    report = prober.report()
    before, killed, back = report.phases
    assert before.failed == back.failed == 0
    assert killed.failed >= 1
    # Of each kind of probe, one answer may have been on its way when the server was killed.
    answered = report.sent - report.failed
    assert 0 <= site.answers + after.answers - answered <= 2
    assert report.hosts[0].statuses == {200: answered}
    assert report.first_failure
    assert report.first_failure.at >= killed.started


def test_a_graceful_switch_of_servers_loses_nothing(
    site: Site, target: Target, loop: Loop, listener: socket.socket, authority: Authority
) -> None:
    pace = replace(ONLY_KEEP_ALIVE, new_connections_per_second=30, upload_seconds=0.4)
    following = Site(authority)
    with Prober([target], pace) as prober:
        assert prober.wait_for_each_host(10)
        prober.mark("flip")
        loop.run(following.start(listener))
        loop.run(site.drain())
        prober.mark("drained")
        assert prober.wait_for_each_host(10)
    report = prober.report()
    assert report.failed == 0
    assert report.sent == site.answers + following.answers
    assert report.phases[-1].sent >= 10
    # Each of the three probes may still have had an answer of the old server on its way.
    assert following.answers >= report.phases[-1].sent - 3
    loop.run(following.kill())


def test_an_upload_takes_its_time_and_is_timed_from_its_last_byte(
    site: Site, target: Target
) -> None:
    with Prober([target], replace(ONLY_UPLOAD, upload_seconds=3)) as prober:
        assert prober.wait_for_each_host(1)
    report = prober.report()
    assert (report.failed, report.sent) == (0, len(site.upload_seconds))
    assert site.upload_seconds[0] >= 2.7
    assert report.p50_ms is not None
    assert report.p50_ms < 2700


def test_an_upload_under_way_at_the_end_is_finished_and_counted(site: Site, target: Target) -> None:
    both = replace(ONLY_UPLOAD, keep_alive_per_second=20, upload_seconds=60)
    began = time.monotonic()
    with Prober([target], both) as prober:
        assert prober.wait_for_each_host(3)
    assert time.monotonic() - began < 10
    assert len(site.upload_seconds) == 1
    uploads = prober.report().kinds[Kind.UPLOAD]
    assert (uploads.sent, uploads.failed) == (1, 0)


@pytest.mark.parametrize(("status", "failed"), [(405, 0), (502, 1)])
def test_an_answer_before_the_end_of_an_upload_counts_by_its_status(
    site: Site, target: Target, status: int, failed: int
) -> None:
    site.behaviour, site.statuses = "early", (status,)
    with Prober([target], replace(ONLY_UPLOAD, upload_seconds=60)) as prober:
        assert prober.wait_for_each_host(1)
    report = prober.report()
    assert (report.sent, report.failed) == (1, failed)
    assert report.hosts[0].statuses == {status: 1}


def test_an_upload_that_is_cut_off_is_lost(
    site: Site, target: Target, loop: Loop, listener: socket.socket
) -> None:
    both = replace(ONLY_UPLOAD, keep_alive_per_second=20, upload_seconds=60)
    with Prober([target], both) as prober:
        assert prober.wait_for_each_host(5)
        listener.close()
        loop.run(site.kill())
        assert prober.wait_for_each_host(2)
    uploads = [failure for failure in prober.report().failures if failure.kind is Kind.UPLOAD]
    assert [failure.reason for failure in uploads] == ["reset"]


def test_the_rates_of_all_hosts_are_bounded(site: Site, target: Target) -> None:
    hosts = [replace(target, host=f"host-{n}.example.test") for n in range(10)]
    pace = replace(ONLY_KEEP_ALIVE, max_requests_per_second=40)
    began = time.monotonic()
    with Prober(hosts, pace) as prober:
        assert prober.wait_for_each_host(3)
    seconds = time.monotonic() - began
    assert prober.report().sent <= 40 * seconds + len(hosts)
    assert site.connections == len(hosts)


def test_an_error_of_the_prober_itself_is_reported_and_not_raised(
    site: Site, target: Target
) -> None:
    with Prober([replace(target, path="no path")], ONLY_KEEP_ALIVE) as prober:
        assert not prober.wait_for_each_host(1)
    assert prober.report().broken.startswith("LocalProtocolError: ")


def test_no_hosts_are_nothing_to_send() -> None:
    with Prober([]) as prober:
        assert prober.wait_for_each_host(1)
    assert (prober.report().sent, prober.report().broken) == (0, "")


def test_wrong_targets_are_refused_before_anything_is_sent(target: Target) -> None:
    with pytest.raises(ValueError, match=r"named twice: one\.example\.test"):
        Prober([target, target])
    with pytest.raises(OSError, match="No such file"):
        Prober([replace(target, verify=Path("/nowhere/authority.pem"))])
