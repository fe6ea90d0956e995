"""How Cloudflare serves a zone: TLS, DNSSEC, and what it caches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pulumi

from components.component import Component
from components.sdk import cloudflare

if TYPE_CHECKING:
    from components.sdk.cloudflare import RulesetRuleArgsDict

CACHE_PHASE: Final = "http_request_cache_settings"
MINIMUM_EDGE_TTL: Final = 7200
"""Seconds: the shortest edge TTL that a zone on the free plan may override with."""
YEAR: Final = 31_536_000

SETTINGS: Final[Mapping[str, str]] = {
    "ssl": "strict",  # to our edge only by TLS, with a certificate that is checked
    "min_tls_version": "1.2",
    "tls_1_3": "on",
    # The edge redirects by itself. Cloudflare would redirect the HTTP-01 challenge of a proxied
    # host too, and ask an edge by TLS, `strict`, that has no certificate yet: it never got one.
    "always_use_https": "off",
    "automatic_https_rewrites": "on",
    "http3": "on",
}
"""Value by setting, the same for every zone. Brotli is not among them: Cloudflare has it always
on and takes the setting for deprecated."""


@dataclass(frozen=True, kw_only=True)
class Hsts:
    """Strict Transport Security: browsers refuse plain HTTP for this long, and cannot be told."""

    max_age: int = YEAR // 2
    """Seconds."""
    include_subdomains: bool = False
    preload: bool = False
    """Ask browsers to ship the domain in their list; needs a year and the subdomains."""
    nosniff: bool = True


@dataclass(frozen=True, kw_only=True)
class CacheRules:
    """What Cloudflare may keep for the proxied hosts of a zone."""

    landing_hosts: Sequence[str] = ()
    """Static sites: their pages are cached as long as the origin's Cache-Control says."""
    asset_hosts: Sequence[str] = ()
    """Hosts whose files under `asset_paths` never change under one name."""
    asset_paths: Sequence[str] = ("/_app/immutable/", "/_astro/", "/assets/")
    """Path prefixes: names with a content hash of SvelteKit, Astro and Vite."""
    asset_ttl: int = YEAR // 12
    """Seconds at Cloudflare's edge and in the browser, at least `MINIMUM_EDGE_TTL`."""


@dataclass(frozen=True, kw_only=True)
class ZoneArgs:
    """What `Zone` needs. Zone-wide, so at most one stack has it per zone."""

    zone_id: pulumi.Input[str]
    hsts: Hsts | None = field(default_factory=Hsts)
    dnssec: bool = True
    """Sign the zone. It takes effect when the registrar has the DS record (output `ds_record`)."""
    cache: CacheRules | None = None


class Zone(Component):
    """TLS and security settings, DNSSEC and cache rules of one zone."""

    token = "manacore:cloudflare:Zone"

    ds_record: pulumi.Output[str]
    """The DS record for the registrar; empty without DNSSEC."""

    def __init__(
        self, name: str, args: ZoneArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the zone's settings. Raises `ValueError` with all that is wrong in `args`."""
        problems = [*_hsts_problems(args.hsts), *_cache_problems(args.cache)]
        if problems:
            raise ValueError("\n".join(problems))
        super().__init__(name, opts)
        for setting, value in SETTINGS.items():
            self._setting(name, args, setting, value)
        if args.hsts is not None:
            self._setting(name, args, "security_header", _security_header(args.hsts))
        self.ds_record = pulumi.Output.from_input("")
        if args.dnssec:
            dnssec = cloudflare.ZoneDnssec(
                f"{name}-dnssec", zone_id=args.zone_id, status="active", opts=self.child_options()
            )
            self.ds_record = dnssec.ds
        rules = _cache_rules(args.cache) if args.cache is not None else []
        if rules:
            cloudflare.Ruleset(
                f"{name}-cache",
                zone_id=args.zone_id,
                kind="zone",
                name="manacore cache",
                description="",
                phase=CACHE_PHASE,
                rules=rules,
                opts=pulumi.ResourceOptions.merge(
                    self.child_options(),
                    # A zone has one entry point per phase: the new one cannot be made beside it.
                    pulumi.ResourceOptions(delete_before_replace=True),
                ),
            )
        self.register()

    def _setting(self, name: str, args: ZoneArgs, setting: str, value: object) -> None:
        cloudflare.ZoneSetting(
            f"{name}-{setting.replace('_', '-')}",
            zone_id=args.zone_id,
            setting_id=setting,
            value=value,
            opts=self.child_options(),
        )


def _security_header(hsts: Hsts) -> dict[str, object]:
    # The wrapper is part of the value: without it the plugin finds a difference at every preview.
    return {
        "strict_transport_security": {
            "enabled": True,
            "include_subdomains": hsts.include_subdomains,
            "max_age": hsts.max_age,
            "nosniff": hsts.nosniff,
            "preload": hsts.preload,
        }
    }


def _cache_rules(cache: CacheRules) -> list[RulesetRuleArgsDict]:
    # Every field is spelled out, `ref` above all: it is what the plugin recognises a rule by, and
    # what is left out it fills in and shows as a difference.
    rules: list[RulesetRuleArgsDict] = []
    if cache.landing_hosts:
        rules.append(
            {
                "ref": "manacore_landings",
                "description": "pages of static sites, as long as the origin says",
                "expression": f"({_any_host(cache.landing_hosts)})",
                "action": "set_cache_settings",
                "action_parameters": {
                    "cache": True,
                    "edge_ttl": {"mode": "respect_origin"},
                    "browser_ttl": {"mode": "respect_origin"},
                },
                "enabled": True,
            }
        )
    if cache.asset_hosts and cache.asset_paths:
        paths = " or ".join(
            f'starts_with(http.request.uri.path, "{path}")' for path in cache.asset_paths
        )
        rules.append(
            {
                "ref": "manacore_assets",
                "description": "files that never change under one name",
                "expression": f"({_any_host(cache.asset_hosts)} and ({paths}))",
                "action": "set_cache_settings",
                "action_parameters": {
                    "cache": True,
                    "edge_ttl": {"mode": "override_origin", "default": cache.asset_ttl},
                    "browser_ttl": {"mode": "override_origin", "default": cache.asset_ttl},
                },
                "enabled": True,
            }
        )
    return rules


def _any_host(hosts: Sequence[str]) -> str:
    quoted = " ".join(f'"{host}"' for host in sorted(hosts))
    return f"http.host in {{{quoted}}}"


def _hsts_problems(hsts: Hsts | None) -> list[str]:
    if hsts is None:
        return []
    problems: list[str] = []
    if not 0 <= hsts.max_age <= 2 * YEAR:
        problems.append(f"hsts/max_age: {hsts.max_age} is not between 0 and {2 * YEAR} seconds")
    if hsts.preload and not (hsts.include_subdomains and hsts.max_age >= YEAR):
        problems.append(
            f"hsts/preload: browsers list a domain only with include_subdomains and a max_age "
            f"of at least {YEAR} seconds"
        )
    return problems


def _cache_problems(cache: CacheRules | None) -> list[str]:
    if cache is None:
        return []
    problems: list[str] = []
    if cache.asset_ttl < MINIMUM_EDGE_TTL:
        problems.append(
            f"cache/asset_ttl: {cache.asset_ttl} is below {MINIMUM_EDGE_TTL} seconds, the least "
            f"that the free plan takes"
        )
    for path in cache.asset_paths:
        if not path.startswith("/") or '"' in path or "\\" in path:
            problems.append(f"cache/asset_paths ({path}): must begin with / and need no escaping")
    for host in (*cache.landing_hosts, *cache.asset_hosts):
        if not host.isascii() or host != host.lower() or not set(host).isdisjoint('"\\ /'):
            problems.append(f"cache ({host}): not a host name in lower case and punycode")
    return problems
