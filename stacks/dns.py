"""Cloudflare: the names of everything public, the zones they are in, and the backup bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from catalog import Catalog, Kind
from components.backup.backup import REDIS_PREFIX
from components.cloudflare.bucket import BackupBucket, BackupBucketArgs
from components.cloudflare.records import PublicHost, Records, RecordsArgs
from components.cloudflare.zone import CacheRules, Zone, ZoneArgs
from stacks.hosts import Hosts
from stacks.providers import Providers
from stacks.server import role_of
from stacks.settings import Settings

# restic shares packs between old and new backups, and without index, key or `config` it reads none
# of them: no age is old enough.
_SHARED = ("config", "data/", "index/", "keys/")


@dataclass(frozen=True, kw_only=True)
class Dns:
    """What the outputs say of Cloudflare."""

    bucket: BackupBucket


def publish(
    providers: Providers,
    settings: Settings,
    catalog: Catalog,
    addresses: Mapping[str, pulumi.Input[str]],
) -> Dns:
    """Point every public host at its server's address, and set up zones and bucket."""
    hosts = Hosts(catalog, settings)
    zones = {domain.zone for domain in settings.domains.values()}
    ids = settings.cloudflare.zones
    public = {hosts.host(service): service for service in catalog.routed}
    # The edge sends `www.` of a zone's own name to that name.
    apexes = {f"www.{h}": s for h, s in public.items() if h == hosts.zone(s)}
    Records(
        "dns",
        RecordsArgs(
            zones={zone: ids[zone] for zone in sorted(zones)},
            hosts=[
                PublicHost(
                    name=name,
                    ipv4=addresses[settings.holder(role_of(service))],
                    proxied=hosts.proxied(service),
                )
                for name, service in {**apexes, **public}.items()
            ],
            caa_domains=sorted(zones),
            issuer=settings.tls.authority,
            incident_mail=settings.tls.email,
        ),
        providers.options(),
    )
    for zone in sorted(zones):
        proxied = [s for s in catalog.routed if hosts.zone(s) == zone and hosts.proxied(s)]
        landings = [hosts.host(s) for s in proxied if s.kind is Kind.ASTRO]
        assets = [hosts.host(s) for s in proxied if s.kind in (Kind.ASTRO, Kind.SVELTEKIT)]
        Zone(
            f"zone-{zone.replace('.', '-')}",
            ZoneArgs(
                zone_id=ids[zone],
                cache=CacheRules(landing_hosts=landings, asset_hosts=assets) if assets else None,
            ),
            providers.options(),
        )
    bucket = BackupBucket(
        "backups",
        BackupBucketArgs(
            account_id=settings.cloudflare.account,
            bucket=settings.cloudflare.backup_bucket,
            lock_days=settings.cloudflare.backup_days,
            lock_prefixes=("snapshots/", "archive/"),
            lock_days_of={f"{REDIS_PREFIX}snapshots/": settings.backup.redis_days - 1},
            lock_forever=(*_SHARED, *(f"{REDIS_PREFIX}{shared}" for shared in _SHARED)),
            # Nothing of it is shared, so that its age is enough: the server deletes none of it.
            expire_days={"archive/": settings.keep_days},
            protect=settings.protect,
        ),
        providers.options(),
    )
    return Dns(bucket=bucket)
