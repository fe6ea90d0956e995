"""What Cloudflare has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_cloudflare import (
        DnsRecord,
        Provider,
        R2Bucket,
        R2BucketLifecycle,
        R2BucketLifecycleRuleArgsDict,
        R2BucketLock,
        R2BucketLockRuleArgsDict,
        Ruleset,
        RulesetRuleArgsDict,
        ZoneDnssec,
        ZoneSetting,
    )
else:
    from components.sdk.light import Provider as LightProvider
    from components.sdk.light import Resource

    class Provider(LightProvider):
        """Configuration of the plugin; token and address come from the environment."""

        token = "cloudflare"
        secret = ("api_key", "api_token", "api_user_service_key")

    class DnsRecord(Resource):
        """One DNS record."""

        token = "cloudflare:index/dnsRecord:DnsRecord"
        former_types = ("cloudflare:index/record:Record",)

    class ZoneSetting(Resource):
        """One setting of a zone."""

        token = "cloudflare:index/zoneSetting:ZoneSetting"

        # Its keys are the vendor's.
        maps = frozenset({"value"})

    class ZoneDnssec(Resource):
        """DNSSEC of a zone."""

        token = "cloudflare:index/zoneDnssec:ZoneDnssec"
        outputs = ("ds",)

    class Ruleset(Resource):
        """The rules of one phase."""

        token = "cloudflare:index/ruleset:Ruleset"

    class R2Bucket(Resource):
        """A bucket of R2."""

        token = "cloudflare:index/r2Bucket:R2Bucket"

    class R2BucketLifecycle(Resource):
        """What happens to a bucket's objects with age."""

        token = "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle"

    class R2BucketLock(Resource):
        """How long a bucket's objects can be neither deleted nor overwritten."""

        token = "cloudflare:index/r2BucketLock:R2BucketLock"


__all__ = [
    "DnsRecord",
    "Provider",
    "R2Bucket",
    "R2BucketLifecycle",
    "R2BucketLock",
    "Ruleset",
    "ZoneDnssec",
    "ZoneSetting",
]
if TYPE_CHECKING:
    __all__ += ["R2BucketLifecycleRuleArgsDict", "R2BucketLockRuleArgsDict", "RulesetRuleArgsDict"]
