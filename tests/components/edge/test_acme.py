"""Certificates by ACME: the real Caddy with the edge's configuration, and the real Pebble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.components.edge.acme import AcmeServer, callers, challenges, serial, trusting
from tests.components.edge.load import Load
from tests.components.edge.upstream import Service

HOSTS = ["one.test", "two.test", "three.test"]
LIFE = 25
"""Seconds for which the certificates of the renewal's test are good."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeServer]:
    # Three times as many refused nonces as Pebble's own default: every test has to live with them.
    with AcmeServer(tmp_path_factory.mktemp("pebble"), refused_nonces=15) as running:
        yield running


def test_every_host_gets_a_certificate_that_a_browser_takes(
    authority: AcmeServer, blue: Service
) -> None:
    with authority.edge(blue.upstream, HOSTS) as edge:
        context = trusting(authority.root)
        assert len({serial(edge, host, context) for host in HOSTS}) == len(HOSTS)


@pytest.mark.parametrize(
    ("other", "kind"), [("tls-alpn", "http-01"), ("http", "tls-alpn-01")], ids=["http", "tls-alpn"]
)
def test_either_challenge_alone_is_enough(
    authority: AcmeServer, blue: Service, other: str, kind: str
) -> None:
    def without(document: dict[str, Any]) -> None:
        (policy,) = document["apps"]["tls"]["automation"]["policies"]
        policy["issuers"][0]["challenges"] = {other: {"disabled": True}}

    host = f"by-{kind}.test"
    with authority.edge(blue.upstream, [host], patch=without) as edge:
        assert serial(edge, host, trusting(authority.root))
        assert challenges(edge) == {kind}


def test_a_host_behind_a_proxy_is_never_challenged_by_a_handshake(
    authority: AcmeServer, blue: Service
) -> None:
    hosts = [f"proxied-{n}.test" for n in range(6)]
    with authority.edge(blue.upstream, hosts, proxied=hosts) as edge:
        context = trusting(authority.root)
        assert all(serial(edge, host, context) for host in hosts)
        assert challenges(edge) == {"http-01"}


def test_a_rebuilt_edge_serves_the_certificates_that_it_had_without_a_new_order(
    authority: AcmeServer, blue: Service, tmp_path: Path
) -> None:
    context = trusting(authority.root)
    with authority.edge(blue.upstream, HOSTS, data=tmp_path) as edge:
        for host in HOSTS:
            edge.obtained(host)
        first = [serial(edge, host, context) for host in HOSTS]
    ordered = authority.orders
    with authority.edge(blue.upstream, HOSTS, data=tmp_path) as edge:
        assert [serial(edge, host, context) for host in HOSTS] == first
    assert authority.orders == ordered > 0


def test_an_edge_starts_and_serves_what_it_has_while_the_authority_is_away(
    tmp_path: Path, blue: Service
) -> None:
    (tmp_path / "data").mkdir()
    with (authority := AcmeServer(tmp_path)):
        context = trusting(authority.root)
        with authority.edge(blue.upstream, ["one.test"], data=tmp_path / "data") as edge:
            edge.obtained("one.test")
            first = serial(edge, "one.test", context)
    with authority.edge(blue.upstream, HOSTS[:2], data=tmp_path / "data") as edge:
        edge.logged(lambda line: line.get("msg") == "will retry")
        assert serial(edge, "one.test", context) == first
        assert edge.client("one.test", port=80).get("/").status_code == 308


@pytest.mark.full  # the edge asks again after a minute
def test_a_host_gets_its_certificate_when_the_authority_is_back(
    tmp_path: Path, blue: Service
) -> None:
    (tmp_path / "data").mkdir()
    authority = AcmeServer(tmp_path)
    with authority.edge(blue.upstream, ["one.test"], data=tmp_path / "data") as edge:
        edge.logged(lambda line: line.get("msg") == "will retry")
        with authority:
            edge.obtained("one.test", timeout=150)
            assert serial(edge, "one.test", trusting(authority.root))


@pytest.mark.parametrize(
    ("other", "kind"), [("tls-alpn", "http-01"), ("http", "tls-alpn-01")], ids=["http", "tls-alpn"]
)
def test_a_host_of_a_new_edge_gets_its_certificate_while_the_old_one_takes_all_connections(
    authority: AcmeServer, blue: Service, other: str, kind: str
) -> None:
    def without(document: dict[str, Any]) -> None:
        (policy,) = document["apps"]["tls"]["automation"]["policies"]
        policy["issuers"][0]["challenges"] = {other: {"disabled": True}}

    hosts = [f"old-{kind}.test", f"new-{kind}.test"]
    context = trusting(authority.root)
    with authority.edge(blue.upstream, hosts[:1], patch=without) as old:
        old.steer()
        with authority.edge(blue.upstream, hosts, patch=without, beside=old) as new:
            new.obtained(hosts[1])
            assert challenges(new) == {kind}
            new.steer(old)
            assert all(serial(new, host, context) for host in hosts)


@pytest.mark.full
def test_no_request_fails_while_edges_follow_one_another_and_certificates_are_renewed(
    tmp_path: Path, blue: Service
) -> None:
    def often(document: dict[str, Any]) -> None:
        document["apps"]["tls"]["automation"]["renew_interval"] = "1s"

    with AcmeServer(tmp_path, validity=LIFE) as authority, ExitStack() as stack:
        context = trusting(authority.root)
        edge = stack.enter_context(authority.edge(blue.upstream, HOSTS, patch=often))
        with Load(callers(edge, HOSTS, context)) as load:
            for renewed in (2, 3, 4):
                edge.steer()
                new = authority.edge(blue.upstream, HOSTS, patch=often, beside=edge)
                stack.enter_context(new).steer(edge)
                edge.stop()
                assert edge.ended() == 0
                edge = new
                load.until(
                    lambda answers, renewed=renewed: all(
                        len(set(answers[host])) >= renewed for host in HOSTS
                    ),
                    timeout=4 * LIFE,
                )
        assert load.lost == []


def test_no_request_fails_while_certificates_are_renewed(tmp_path: Path, blue: Service) -> None:
    def often(document: dict[str, Any]) -> None:
        # It looks every ten minutes whether a certificate is due: too seldom for these.
        document["apps"]["tls"]["automation"]["renew_interval"] = "1s"

    with AcmeServer(tmp_path, validity=LIFE) as authority:
        context = trusting(authority.root)
        with authority.edge(blue.upstream, HOSTS, patch=often) as edge:
            asking = callers(edge, HOSTS, context)
            with Load(asking) as load:
                load.until(
                    lambda answers: all(len(set(answers[host])) >= 3 for host in HOSTS),
                    timeout=4 * LIFE,
                )
            assert load.lost == []
            assert sum(caller == "kept" for caller, _ in load.answers) > 0
