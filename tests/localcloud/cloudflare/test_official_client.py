"""The vendor's official client works against the emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudflare
import pytest

from tests.localcloud.cloudflare.serving import ACCOUNT, DOMAIN, TOKEN, ZONE, Served, serving

A: dict[str, Any] = {
    "zone_id": ZONE,
    "type": "A",
    "name": f"chat.{DOMAIN}",
    "content": "198.51.100.10",
    "ttl": 300,
    "proxied": False,
}
CACHE_RULE: dict[str, Any] = {
    "ref": "assets",
    "expression": f'(http.host eq "chat.{DOMAIN}")',
    "action": "set_cache_settings",
    "action_parameters": {"cache": True, "edge_ttl": {"mode": "respect_origin"}},
    "description": "assets",
    "enabled": True,
}
PHASE: Any = "http_request_cache_settings"


def codes(error: pytest.ExceptionInfo[cloudflare.APIStatusError]) -> set[int]:
    return {problem["code"] for problem in error.value.response.json()["errors"]}


def test_the_token_is_verified(served: Served) -> None:
    verified = served.client().user.tokens.verify()
    assert verified is not None
    assert verified.status == "active"


def test_zones_are_found_by_name_in_punycode(served: Served) -> None:
    client = served.client()
    assert [zone.id for zone in client.zones.list(name=DOMAIN)] == [ZONE]
    assert {zone.name for zone in client.zones.list()} == {DOMAIN, "xn--mrchen-zauber-bfb.de"}
    zone = client.zones.get(zone_id=ZONE)
    assert zone is not None
    assert (zone.name, zone.account.id) == (DOMAIN, ACCOUNT)


def test_a_record_is_made_changed_listed_and_deleted(served: Served) -> None:
    records = served.client().dns.records
    made = records.create(**A, comment="by a test")
    assert made is not None
    assert (made.name, made.content, made.proxiable) == (A["name"], A["content"], True)
    edited = records.edit(made.id, **{**A, "content": "198.51.100.11"})
    assert edited is not None
    assert (edited.content, edited.comment) == ("198.51.100.11", "by a test")
    replaced = records.update(made.id, **{**A, "proxied": True})
    assert replaced is not None
    assert (replaced.ttl, replaced.proxied, replaced.comment) == (1, True, None)
    found: Any = records.list(zone_id=ZONE, name={"exact": A["name"]}, type="A")
    assert [record.id for record in found] == [made.id]
    records.delete(made.id, zone_id=ZONE)
    assert list(records.list(zone_id=ZONE)) == []
    with pytest.raises(cloudflare.NotFoundError) as error:
        records.get(made.id, zone_id=ZONE)
    assert codes(error) == {81044}


def test_records_come_in_pages(served: Served) -> None:
    records = served.client().dns.records
    for number in range(7):
        records.create(**{**A, "name": f"host-{number}.{DOMAIN}"})
    names = [record.name for record in records.list(zone_id=ZONE, per_page=3)]
    assert names == [f"host-{number}.{DOMAIN}" for number in range(7)]
    assert len(served.asked("GET")) == 4  # the client stops at the first empty page


def test_a_caa_record_has_data_and_a_content_made_of_it(served: Served) -> None:
    records = served.client().dns.records
    made: Any = records.create(
        zone_id=ZONE,
        type="CAA",
        name=DOMAIN,
        ttl=300,
        data={"flags": 0, "tag": "issue", "value": "letsencrypt.org"},
    )
    assert made.content == '0 issue "letsencrypt.org"'
    assert (made.data.tag, made.data.value) == ("issue", "letsencrypt.org")


def test_an_identical_record_is_refused(served: Served) -> None:
    records = served.client().dns.records
    records.create(**A)
    with pytest.raises(cloudflare.BadRequestError) as error:
        records.create(**A)
    assert codes(error) == {81058}
    cname: dict[str, Any] = {**A, "type": "CNAME", "content": "example.com"}
    with pytest.raises(cloudflare.BadRequestError) as error:
        records.create(**cname)
    assert codes(error) == {81053}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"content": "2001:db8::1"}, {9005}),
        ({"type": "AAAA"}, {9006}),
        ({"type": "CNAME", "content": "not a host"}, {9007}),
        ({"ttl": 30}, {9021}),
        ({"ttl": 86401}, {9021}),
        ({"name": "bad name"}, {9000}),
        ({"type": "CAA"}, {9101}),
        ({"type": "CAA", "data": {"flags": 300, "tag": "give", "value": 1}}, {9102, 9103, 9104}),
        ({"type": "TXT", "content": "text", "proxied": True}, {9004}),
        ({"type": "LOC"}, {9009}),
        ({"comment": "c" * 101}, {9202}),
        ({"tags": ["team:ops"]}, {9301}),
        ({"content": "nowhere", "ttl": 5}, {9005, 9021}),
    ],
)
def test_what_the_vendor_refuses_is_refused(
    served: Served, changes: dict[str, Any], expected: set[int]
) -> None:
    with pytest.raises(cloudflare.BadRequestError) as error:
        served.client().dns.records.create(**{**A, **changes})
    assert codes(error) == expected


def test_a_name_outside_of_the_zone_is_taken_as_relative_to_it(served: Served) -> None:
    made = served.client().dns.records.create(**{**A, "name": "chat"})
    assert made is not None
    assert made.name == f"chat.{DOMAIN}"


def test_settings_are_read_and_changed(served: Served) -> None:
    settings = served.client().zones.settings
    before: Any = settings.get("min_tls_version", zone_id=ZONE)
    assert (before.value, before.modified_on) == ("1.0", None)
    changed: Any = settings.edit("min_tls_version", zone_id=ZONE, value="1.2")
    assert changed.value == "1.2"
    kept: Any = settings.get("min_tls_version", zone_id=ZONE)
    assert kept.value == "1.2"


def test_hsts_is_a_structure_whose_fields_are_checked(served: Served) -> None:
    settings: Any = served.client().zones.settings
    value = {"strict_transport_security": {"enabled": True, "max_age": 60}}
    assert settings.edit("security_header", zone_id=ZONE, value=value).value is not None
    for bad in ({"enabled": True}, {"strict_transport_security": {"max_age": "60"}}):
        with pytest.raises(cloudflare.BadRequestError) as error:
            settings.edit("security_header", zone_id=ZONE, value=bad)
        assert codes(error) == {1007}


@pytest.mark.parametrize(("setting", "code"), [("ssl", 1007), ("no_such_setting", 1006)])
def test_an_unknown_setting_or_value_is_refused(served: Served, setting: str, code: int) -> None:
    settings: Any = served.client().zones.settings
    with pytest.raises(cloudflare.BadRequestError) as error:
        settings.edit(setting, zone_id=ZONE, value="nonsense")
    assert codes(error) == {code}


def test_dnssec_is_pending_until_the_registrar_knows_and_then_active() -> None:
    with serving(dnssec_activation_seconds=600) as served:
        dnssec = served.client().dns.dnssec
        signed = dnssec.edit(zone_id=ZONE, status="active")
        assert signed is not None
        assert signed.status == "pending"
        assert signed.ds is not None
        assert signed.ds.startswith(f"{DOMAIN}. 3600 IN DS ")
    with serving() as served:
        dnssec = served.client().dns.dnssec
        dnssec.edit(zone_id=ZONE, status="active")
        active = dnssec.get(zone_id=ZONE)
        assert active is not None
        assert active.status == "active"
        with pytest.raises(cloudflare.BadRequestError):
            dnssec.delete(zone_id=ZONE)
        dnssec.edit(zone_id=ZONE, status="disabled")
        dnssec.delete(zone_id=ZONE)
        unsigned = dnssec.get(zone_id=ZONE)
        assert unsigned is not None
        assert (unsigned.status, unsigned.ds) == ("disabled", None)


def test_a_phase_has_one_entry_point_whose_rules_keep_their_ids(served: Served) -> None:
    client = served.client()
    client.rulesets.create(zone_id=ZONE, kind="zone", name="cache", phase=PHASE, rules=[CACHE_RULE])
    made = client.rulesets.phases.get(PHASE, zone_id=ZONE)
    assert (made.name, made.version) == ("cache", "1")
    with pytest.raises(cloudflare.BadRequestError) as error:
        client.rulesets.create(zone_id=ZONE, kind="zone", name="more", phase=PHASE, rules=[])
    assert codes(error) == {20217}
    client.rulesets.update(made.id, zone_id=ZONE, rules=[{**CACHE_RULE, "description": "changed"}])
    changed = client.rulesets.get(made.id, zone_id=ZONE)
    assert (changed.version, changed.rules[0].id) == ("2", made.rules[0].id)
    assert changed.rules[0].version == "2"
    assert [ruleset.id for ruleset in client.rulesets.list(zone_id=ZONE)] == [made.id]
    client.rulesets.delete(made.id, zone_id=ZONE)
    with pytest.raises(cloudflare.NotFoundError):
        client.rulesets.phases.get(PHASE, zone_id=ZONE)


@pytest.mark.parametrize(
    "changes",
    [
        {"expression": "((true)"},
        {"expression": ""},
        {"action": "block"},
        {"action_parameters": {}},
        {"action_parameters": {"edge_ttl": {"mode": "override_origin"}}},
        {"action_parameters": {"edge_ttl": {"mode": "override_origin", "default": 60}}},
        {"action_parameters": {"browser_ttl": {"mode": "never"}}},
    ],
)
def test_a_rule_that_the_phase_does_not_take_is_refused(
    served: Served, changes: dict[str, Any]
) -> None:
    rules: Any = [{**CACHE_RULE, **changes}]
    with pytest.raises(cloudflare.BadRequestError):
        served.client().rulesets.create(
            zone_id=ZONE, kind="zone", name="cache", phase=PHASE, rules=rules
        )


def test_too_many_rules_or_one_ref_twice_are_refused(served: Served) -> None:
    for rules in ([CACHE_RULE] * 2, [{**CACHE_RULE, "ref": f"r{n}"} for n in range(11)]):
        sent: Any = rules
        with pytest.raises(cloudflare.BadRequestError):
            served.client().rulesets.create(
                zone_id=ZONE, kind="zone", name="cache", phase=PHASE, rules=sent
            )


def test_a_bucket_is_made_with_life_cycle_and_lock_and_deleted(served: Served) -> None:
    buckets = served.client().r2.buckets
    made = buckets.create(account_id=ACCOUNT, name="backups", location_hint="eeur")
    assert (made.name, made.location, made.storage_class) == ("backups", "EEUR", "Standard")
    born = buckets.lifecycle.get("backups", account_id=ACCOUNT)
    assert born.rules is not None
    assert born.rules[0].id == "Default Multipart Abort Rule"
    buckets.lifecycle.update(
        "backups",
        account_id=ACCOUNT,
        rules=[
            {
                "id": "expire",
                "enabled": True,
                "conditions": {"prefix": "logs/"},
                "delete_objects_transition": {"condition": {"type": "Age", "max_age": 60}},
            }
        ],
    )
    changed = buckets.lifecycle.get("backups", account_id=ACCOUNT)
    assert changed.rules is not None
    assert [rule.id for rule in changed.rules] == ["expire"]
    buckets.locks.update(
        "backups",
        account_id=ACCOUNT,
        rules=[
            {"id": "l", "enabled": True, "condition": {"type": "Age", "max_age_seconds": 60}},
            {"id": "f", "enabled": True, "prefix": "a/", "condition": {"type": "Indefinite"}},
        ],
    )
    locks = buckets.locks.get("backups", account_id=ACCOUNT)
    assert locks.rules is not None
    assert [(rule.id, rule.condition.type) for rule in locks.rules] == [
        ("l", "Age"),
        ("f", "Indefinite"),
    ]
    edited = buckets.edit("backups", account_id=ACCOUNT, storage_class="InfrequentAccess")
    assert edited.storage_class == "InfrequentAccess"
    listed = buckets.list(account_id=ACCOUNT)
    assert listed.buckets is not None
    assert [bucket.name for bucket in listed.buckets] == ["backups"]
    buckets.delete("backups", account_id=ACCOUNT)
    with pytest.raises(cloudflare.NotFoundError):
        buckets.get("backups", account_id=ACCOUNT)


def test_bucket_names_are_checked_and_unique_in_their_jurisdiction(served: Served) -> None:
    buckets = served.client().r2.buckets
    with pytest.raises(cloudflare.BadRequestError) as error:
        buckets.create(account_id=ACCOUNT, name="Not_Allowed")
    assert codes(error) == {10005}
    buckets.create(account_id=ACCOUNT, name="backups")
    with pytest.raises(cloudflare.ConflictError) as conflict:
        buckets.create(account_id=ACCOUNT, name="backups")
    assert codes(conflict) == {10004}
    in_europe = {"cf-r2-jurisdiction": "eu"}
    made = buckets.create(account_id=ACCOUNT, name="backups", extra_headers=in_europe)
    assert made.jurisdiction == "eu"


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("lifecycle", {"id": "r", "enabled": True, "conditions": {"prefix": ""}}),
        ("lifecycle", {"id": "r", "enabled": True}),
        ("lifecycle", {"enabled": True}),
        ("lock", {"id": "r", "enabled": True, "condition": {"type": "Forever"}}),
        ("lock", {"id": "r", "enabled": True, "condition": {"type": "Age"}}),
        ("lock", {"id": "r", "enabled": "yes", "condition": {"type": "Indefinite"}}),
    ],
)
def test_incomplete_rules_of_a_bucket_are_refused(served: Served, kind: str, rule: Any) -> None:
    served.client().r2.buckets.create(account_id=ACCOUNT, name="backups")
    with served.plain() as http:
        path = f"/accounts/{ACCOUNT}/r2/buckets/backups/{kind}"
        assert http.put(path, json={"rules": [rule]}).status_code == 400


def test_a_wrong_token_and_a_missing_one_are_told_apart(served: Served) -> None:
    with pytest.raises(cloudflare.PermissionDeniedError) as error:
        served.client(api_token="wrong").zones.get(zone_id=ZONE)
    assert codes(error) == {9109}
    with served.plain("") as http:
        answer = http.get("/zones")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, 10000)


def test_unknown_routes_zones_and_accounts_have_the_vendor_s_errors(served: Served) -> None:
    with served.plain() as http:
        cases = {
            "/zones/nonsense": (400, 7003),
            f"/zones/{'0' * 32}": (404, 1001),
            "/no/such/route": (404, 7000),
            f"/accounts/{'0' * 32}/r2/buckets": (403, 10000),
        }
        for path, expected in cases.items():
            answer = http.get(path)
            assert answer.json()["success"] is False
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == expected
        broken = http.post(f"/zones/{ZONE}/dns_records", content=b"{")
        assert (broken.status_code, broken.json()["errors"][0]["code"]) == (400, 9207)


def test_too_many_requests_are_answered_with_the_time_to_come_back() -> None:
    with serving(requests_per_window=2) as served, served.plain() as http:
        assert [http.get("/zones").status_code for _ in range(3)] == [200, 200, 429]
        answer = http.get("/zones")
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert answer.json()["errors"][0]["code"] == 971


def test_the_client_comes_back_after_an_injected_429(served: Served) -> None:
    served.fail(path_regex="/zones$", status=429, retry_after=0.01)
    assert len(list(served.client(max_retries=2).zones.list(name=DOMAIN))) == 1
    assert [entry["status"] for entry in served.faults.requests][:2] == [429, 200]


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with serving(path) as served:
        served.client().dns.records.create(**A)
    with serving(path) as served:
        assert [r.name for r in served.client().dns.records.list(zone_id=ZONE)] == [A["name"]]
    assert TOKEN not in path.read_text()
