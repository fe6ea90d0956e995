"""Settings, DNSSEC and cache rules of a zone."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.cloudflare.zone import SETTINGS, CacheRules, Hsts, Zone, ZoneArgs
from tests.support.mocks import Recorder, recording

SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
DNSSEC = "cloudflare:index/zoneDnssec:ZoneDnssec"
RULESET = "cloudflare:index/ruleset:Ruleset"


def build(**changes: Any) -> Recorder:
    values: dict[str, Any] = {"zone_id": "z1", **changes}
    with recording() as (recorder, run):
        run(lambda: Zone("zone", ZoneArgs(**values)))
    return recorder


def settings(recorder: Recorder) -> dict[str, Any]:
    return {r.inputs["settingId"]: r.inputs["value"] for r in recorder.of(SETTING)}


def test_the_token_is_pinned() -> None:
    assert Zone.token == "manacore:cloudflare:Zone"
    assert Zone.output_names() == ("ds_record",)


def test_tls_is_strict_and_modern() -> None:
    found = settings(build(hsts=None))
    assert found == dict(SETTINGS)
    assert found["ssl"] == "strict"
    assert found["min_tls_version"] == "1.2"


def test_settings_are_named_after_themselves_and_belong_to_the_zone() -> None:
    record = build().one(SETTING, "zone-min-tls-version")
    assert record.inputs["zoneId"] == "z1"


def test_hsts_keeps_the_vendor_s_own_names_inside_the_value() -> None:
    value = settings(build(hsts=Hsts(max_age=31_536_000, include_subdomains=True, preload=True)))
    assert value["security_header"] == {
        "strict_transport_security": {
            "enabled": True,
            "include_subdomains": True,
            "max_age": 31_536_000,
            "nosniff": True,
            "preload": True,
        }
    }


def test_dnssec_is_active_and_its_ds_record_given_out() -> None:
    def signed(_: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        return {"ds": "example.com. 3600 IN DS 1 13 2 abc"}

    with recording({DNSSEC: signed}) as (recorder, run):
        ds = run(lambda: Zone("zone", ZoneArgs(zone_id="z1")).ds_record)
    assert ds == "example.com. 3600 IN DS 1 13 2 abc"
    assert recorder.one(DNSSEC).inputs == {"zoneId": "z1", "status": "active"}


def test_without_dnssec_there_is_no_ds_record() -> None:
    with recording() as (recorder, run):
        ds = run(lambda: Zone("zone", ZoneArgs(zone_id="z1", dnssec=False)).ds_record)
    assert ds == ""
    assert recorder.of(DNSSEC) == []


def test_without_cache_rules_there_is_no_ruleset() -> None:
    assert build().of(RULESET) == []
    assert build(cache=CacheRules()).of(RULESET) == []


def test_landings_are_cached_as_the_origin_says_and_assets_for_long() -> None:
    cache = CacheRules(
        landing_hosts=["chat.manacore.app", "bauntown.manacore.app"],
        asset_hosts=["app-chat.manacore.app"],
        asset_paths=["/_app/immutable/"],
    )
    inputs = build(cache=cache).one(RULESET, "zone-cache").inputs
    assert (inputs["kind"], inputs["phase"]) == ("zone", "http_request_cache_settings")
    landings, assets = inputs["rules"]
    assert landings["expression"] == (
        '(http.host in {"bauntown.manacore.app" "chat.manacore.app"})'
    )
    assert landings["actionParameters"]["edgeTtl"] == {"mode": "respect_origin"}
    assert assets["expression"] == (
        '(http.host in {"app-chat.manacore.app"} and '
        '(starts_with(http.request.uri.path, "/_app/immutable/")))'
    )
    assert assets["actionParameters"]["edgeTtl"] == {"mode": "override_origin", "default": 2628000}
    for rule in (landings, assets):
        assert {"ref", "enabled", "description", "action"} <= set(rule)


def test_all_mistakes_are_reported_at_once_and_nothing_is_registered() -> None:
    args = ZoneArgs(
        zone_id="z1",
        hsts=Hsts(max_age=-1, preload=True),
        cache=CacheRules(asset_ttl=60, asset_paths=['assets"'], landing_hosts=["Chat.app"]),
    )
    with recording() as (recorder, run), pytest.raises(ValueError) as error:
        run(lambda: Zone("zone", args))
    assert recorder.resources == []
    for part in (
        "hsts/max_age",
        "hsts/preload",
        "cache/asset_ttl",
        "cache/asset_paths",
        "cache (Chat.app)",
    ):
        assert part in str(error.value)
