"""The components, through the real engine and the stand-in, on the emulated Cloudflare."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pulumi
import pytest
from pulumi import automation as auto

from components.cloudflare.bucket import BackupBucket, BackupBucketArgs
from components.cloudflare.records import PublicHost, Records, RecordsArgs
from components.cloudflare.zone import CacheRules, Hsts, Zone, ZoneArgs
from components.sdk import cloudflare
from tests.localcloud.cloudflare.engine import Engine, Program, attached
from tests.localcloud.cloudflare.serving import ACCOUNT, DOMAIN, ZONE, Served

pytestmark = pytest.mark.local

RECORDS = RecordsArgs(
    zones={DOMAIN: ZONE},
    hosts=[
        PublicHost(name=f"chat.{DOMAIN}", ipv4="198.51.100.10", ipv6="2001:db8::10", proxied=True),
        PublicHost(name=f"api-chat.{DOMAIN}", ipv4="198.51.100.10"),
    ],
    caa_domains=[DOMAIN],
)
ZONE_ARGS = ZoneArgs(
    zone_id=ZONE,
    cache=CacheRules(landing_hosts=[f"chat.{DOMAIN}"], asset_hosts=[f"chat.{DOMAIN}"]),
)
BUCKET = BackupBucketArgs(
    account_id=ACCOUNT,
    bucket="manacore-backups",
    lock_days=14,
    lock_prefixes=("snapshots/",),
    lock_forever=("config", "data/"),
    expire_days={"logs/": 30},
    protect=False,
)


def program(
    records: RecordsArgs = RECORDS, zone: ZoneArgs = ZONE_ARGS, bucket: BackupBucketArgs = BUCKET
) -> Program:
    def run(opts: pulumi.ResourceOptions) -> None:
        Records("dns", records, opts)
        Zone("zone", zone, opts)
        BackupBucket("backups", bucket, opts)

    return run


@pytest.fixture
def engine(served: Served, tmp_path: Path) -> Generator[Engine]:
    with attached(served, tmp_path) as running:
        yield running


def test_up_then_an_empty_preview_and_destroy_leaves_nothing(
    engine: Engine, served: Served
) -> None:
    assert set(engine.up(program())) == {"create"}
    client = served.client()
    assert {r.name for r in client.dns.records.list(zone_id=ZONE, type="A")} == {
        f"chat.{DOMAIN}",
        f"api-chat.{DOMAIN}",
    }
    assert client.zones.settings.get("ssl", zone_id=ZONE).value == "strict"
    assert engine.preview(program()) == {}
    assert engine.preview(program(), refresh=True) == {}
    assert set(engine.refresh(program())) == {"same"}
    assert engine.preview(program()) == {}
    engine.destroy()
    assert list(client.dns.records.list(zone_id=ZONE)) == []
    assert list(client.rulesets.list(zone_id=ZONE)) == []
    assert client.r2.buckets.list(account_id=ACCOUNT).buckets == []
    assert client.dns.dnssec.get(zone_id=ZONE).status == "disabled"
    assert engine.resources() == []


def test_each_kind_of_resource_is_changed_in_place(engine: Engine, served: Served) -> None:
    engine.up(program())
    hosts = [replace(RECORDS.hosts[0], ipv4="198.51.100.11"), *RECORDS.hosts[1:]]
    changed = program(
        replace(RECORDS, hosts=hosts),
        replace(
            ZONE_ARGS,
            hsts=Hsts(max_age=60),
            cache=replace(ZONE_ARGS.cache or CacheRules(), asset_ttl=86_400),
        ),
        replace(BUCKET, lock_days=21, abort_uploads_days=3),
    )
    assert engine.preview(changed) == {"update": 5}
    assert engine.up(changed)["update"] == 5
    assert engine.preview(changed) == {}
    client = served.client()
    (record,) = client.dns.records.list(zone_id=ZONE, name={"exact": f"chat.{DOMAIN}"}, type="A")
    assert record.content == "198.51.100.11"
    locks = client.r2.buckets.locks.get("manacore-backups", account_id=ACCOUNT)
    assert {rule.prefix: rule.condition.type for rule in locks.rules} == {
        "config": "Indefinite",
        "data/": "Indefinite",
        "snapshots/": "Age",
    }
    assert locks.rules[-1].condition.max_age_seconds == 21 * 86_400


def test_drift_is_found_by_a_refresh_and_put_right_by_an_up(engine: Engine, served: Served) -> None:
    engine.up(program())
    client = served.client()
    (record,) = client.dns.records.list(zone_id=ZONE, name={"exact": f"api-chat.{DOMAIN}"})
    client.dns.records.edit(
        record.id, zone_id=ZONE, type="A", name=record.name, ttl=300, content="198.51.100.99"
    )
    client.zones.settings.edit("ssl", zone_id=ZONE, value="flexible")
    (gone,) = client.dns.records.list(zone_id=ZONE, type="AAAA")
    client.dns.records.delete(gone.id, zone_id=ZONE)
    assert engine.preview(program(), refresh=True) == {"create": 1, "update": 2}
    engine.up(program(), refresh=True)
    assert client.zones.settings.get("ssl", zone_id=ZONE).value == "strict"
    assert client.dns.records.get(record.id, zone_id=ZONE).content == "198.51.100.10"
    assert len(list(client.dns.records.list(zone_id=ZONE, type="AAAA"))) == 1
    assert engine.preview(program(), refresh=True) == {}


def test_what_exists_is_imported_without_a_change(engine: Engine, served: Served) -> None:
    client = served.client()
    record = client.dns.records.create(
        zone_id=ZONE, type="A", name=f"old.{DOMAIN}", content="198.51.100.9", ttl=300, proxied=False
    )
    client.r2.buckets.create(account_id=ACCOUNT, name="old-bucket", location_hint="weur")

    def adopting(import_ids: bool) -> Program:
        def options(provider: pulumi.ResourceOptions, found: str) -> pulumi.ResourceOptions:
            adopted = pulumi.ResourceOptions(import_=found if import_ids else None)
            return pulumi.ResourceOptions.merge(provider, adopted)

        def run(opts: pulumi.ResourceOptions) -> None:
            cloudflare.DnsRecord(
                "old",
                zone_id=ZONE,
                type="A",
                name=f"old.{DOMAIN}",
                content="198.51.100.9",
                ttl=300,
                proxied=False,
                opts=options(opts, f"{ZONE}/{record.id}"),
            )
            cloudflare.R2Bucket(
                "bucket",
                account_id=ACCOUNT,
                name="old-bucket",
                jurisdiction="default",
                opts=options(opts, f"{ACCOUNT}/old-bucket/default"),
            )
            cloudflare.ZoneSetting(
                "ssl",
                zone_id=ZONE,
                setting_id="ssl",
                value="full",
                opts=options(opts, f"{ZONE}/ssl"),
            )

        return run

    assert engine.up(adopting(import_ids=True))["import"] == 3
    assert served.asked("PUT", "PATCH") == []
    assert engine.preview(adopting(import_ids=False)) == {}


def test_a_refusal_names_the_resource_and_what_the_api_said(engine: Engine) -> None:
    def bad(opts: pulumi.ResourceOptions) -> None:
        cloudflare.DnsRecord(
            "bad", zone_id=ZONE, type="A", name=DOMAIN, content="nowhere", ttl=300, opts=opts
        )

    with pytest.raises(auto.CommandError) as error:
        engine.up(bad)
    assert "must be a valid IPv4 address. (9005)" in str(error.value)
    assert "bad" in str(error.value)


FAILURES: dict[str, Callable[[Served], None]] = {
    "429": lambda s: s.fail(path_regex="", status=429, retry_after=0.1, times=5),
    "500": lambda s: s.fail(path_regex="/dns_records$", method="POST", status=500, times=1),
    "late": lambda s: s.fail(path_regex="/settings/", delay_seconds=1, times=3),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_api_is_waited_for_and_nothing_is_doubled(
    engine: Engine, served: Served, failure: str
) -> None:
    FAILURES[failure](served)
    engine.up(program())
    assert engine.preview(program(), refresh=True) == {}
    records = list(served.client().dns.records.list(zone_id=ZONE))
    assert len(records) == len({(r.name, r.type, r.content) for r in records}) == 11


def test_an_api_that_stays_down_fails_the_update_and_the_next_one_converges(
    engine: Engine, served: Served
) -> None:
    served.fail(path_regex="/dnssec$", method="PATCH", status=403, times=None)
    with pytest.raises(auto.CommandError):
        engine.up(program())
    served.faults.clear()
    engine.up(program())
    assert engine.preview(program(), refresh=True) == {}
    assert served.client().dns.dnssec.get(zone_id=ZONE).status == "active"


def test_a_lost_answer_is_found_again_and_not_made_twice(engine: Engine, served: Served) -> None:
    served.fail(path_regex="/dns_records$", method="POST", status=500, after=True)
    engine.up(program())
    records = list(served.client().dns.records.list(zone_id=ZONE))
    assert len(records) == 11
    assert engine.preview(program(), refresh=True) == {}
