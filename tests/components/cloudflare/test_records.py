"""Records of the public hosts."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.cloudflare.records import (
    EDGE_ISSUER,
    PROXY_ISSUERS,
    PublicHost,
    Records,
    RecordsArgs,
    ascii_name,
    zone_of,
)
from tests.support.mocks import Recorder, recording

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
ZONES = {"manacore.app": "zone-app", "märchen-zauber.de": "zone-tale"}


def host(name: str = "chat.manacore.app", **changes: Any) -> PublicHost:
    values: dict[str, Any] = {"name": name, "ipv4": "198.51.100.10", **changes}
    return PublicHost(**values)


def build(**changes: Any) -> Recorder:
    values: dict[str, Any] = {"zones": ZONES, "hosts": [host()], **changes}
    args = RecordsArgs(**values)
    with recording() as (recorder, run):
        run(lambda: Records("dns", args))
    return recorder


def test_the_token_is_pinned() -> None:
    assert Records.token == "manacore:cloudflare:Records"
    assert Records.output_names() == ("record_ids",)


def test_a_host_gets_an_a_record_in_its_zone() -> None:
    record = build().one(RECORD)
    assert record.name == "dns-chat.manacore.app-a"
    assert record.inputs == {
        "zoneId": "zone-app",
        "name": "chat.manacore.app",
        "type": "A",
        "content": "198.51.100.10",
        "ttl": 300,
        "proxied": False,
        "comment": "managed by manacore-platform",
    }


def test_an_ipv6_address_adds_an_aaaa_record() -> None:
    record = build(hosts=[host(ipv6="2001:db8::1")]).one(RECORD, "dns-chat.manacore.app-aaaa")
    assert (record.inputs["type"], record.inputs["content"]) == ("AAAA", "2001:db8::1")


def test_a_proxied_host_has_the_automatic_ttl() -> None:
    record = build(hosts=[host(proxied=True)]).one(RECORD)
    assert (record.inputs["proxied"], record.inputs["ttl"]) == (True, 1)


def test_an_internationalised_name_goes_out_as_punycode() -> None:
    record = build(hosts=[host("app.märchen-zauber.de")]).one(RECORD)
    assert record.inputs["name"] == "app.xn--mrchen-zauber-bfb.de"
    assert record.inputs["zoneId"] == "zone-tale"


def test_an_owned_domain_lets_only_the_edge_s_authority_issue() -> None:
    records = build(caa_domains=["manacore.app"]).of(RECORD)
    data = [r.inputs["data"] for r in records if r.inputs["type"] == "CAA"]
    assert data == [
        {"flags": 0, "tag": tag, "value": EDGE_ISSUER} for tag in ("issue", "issuewild")
    ]
    assert all("content" not in r.inputs for r in records if r.inputs["type"] == "CAA")


def test_a_domain_with_a_proxied_host_lets_cloudflare_s_authorities_issue_too() -> None:
    records = build(hosts=[host(proxied=True)], caa_domains=["manacore.app"]).of(RECORD)
    issuers = {r.inputs["data"]["value"] for r in records if r.inputs["type"] == "CAA"}
    assert issuers == set(PROXY_ISSUERS)


def test_another_authority_may_issue_in_its_place() -> None:
    hosts = [host(proxied=True)]
    alone = build(caa_domains=["manacore.app"], issuer="pki.example").of(RECORD)
    behind = build(hosts=hosts, caa_domains=["manacore.app"], issuer="pki.example").of(RECORD)
    assert {r.inputs["data"]["value"] for r in alone if r.inputs["type"] == "CAA"} == {
        "pki.example"
    }
    assert {r.inputs["data"]["value"] for r in behind if r.inputs["type"] == "CAA"} == {
        "pki.example",
        *PROXY_ISSUERS,
    }


def test_refused_requests_are_reported_to_a_mail_address() -> None:
    recorder = build(caa_domains=["manacore.app"], incident_mail="ops@manacore.app")
    record = recorder.one(RECORD, "dns-manacore.app-caa-iodef-ops@manacore.app")
    assert record.inputs["data"]["value"] == "mailto:ops@manacore.app"


def test_the_ids_are_given_out_by_host_and_type() -> None:
    with recording() as (_, run):
        args = RecordsArgs(zones=ZONES, hosts=[host()], caa_domains=["manacore.app"])
        ids = run(lambda: Records("dns", args).record_ids)
    assert ids["chat.manacore.app A"] == "dns-chat.manacore.app-a-id"
    assert "manacore.app CAA issue letsencrypt.org" in ids


def test_an_address_may_be_unknown_until_the_server_is_there() -> None:
    record = build(hosts=[host(ipv4=pulumi.Output.from_input("198.51.100.7"))]).one(RECORD)
    assert record.inputs["content"] == "198.51.100.7"


def test_all_mistakes_are_reported_at_once_and_nothing_is_registered() -> None:
    hosts = [host(), host(), host("chat.example.org"), host("bad name.ä")]
    args = RecordsArgs(
        zones=ZONES, hosts=hosts, ttl=30, comment="c" * 101, caa_domains=["example.org"]
    )
    with recording() as (recorder, run), pytest.raises(ValueError) as error:
        run(lambda: Records("dns", args))
    assert recorder.resources == []
    for part in (
        "ttl: 30",
        "comment: 101",
        "hosts/1 (chat.manacore.app): is there twice",
        "hosts/2 (chat.example.org): in none of the zones",
        "hosts/3 (bad name.ä): not a host name",
        "caa_domains/0 (example.org): not among the zones",
    ):
        assert part in str(error.value)


def test_the_longest_domain_wins() -> None:
    assert zone_of("a.b.example.com", ["example.com", "b.example.com"]) == "b.example.com"
    assert zone_of("notexample.com", ["example.com"]) is None


LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)


@given(st.lists(LABEL, min_size=1, max_size=4), LABEL)
def test_every_host_under_a_domain_is_found_in_it(labels: list[str], domain: str) -> None:
    assert zone_of(f"{'.'.join(labels)}.{domain}.app", [f"{domain}.app", "other.org"]) == (
        f"{domain}.app"
    )


@given(LABEL)
def test_plain_names_stay_as_they_are(label: str) -> None:
    assert ascii_name(f"{label}.app".upper()) == f"{label}.app"
