"""The stand-in of the Cloudflare provider, on the vendor's official Python client.

Properties, replacements, import ids and refusals are those of the official plugin v6. It keeps
two of that plugin's habits: what was a program's input is never overwritten by an answer to a
create or an update, and settings, life cycles and locks stay in the cloud when they are deleted.
It can one thing more than that plugin: a create whose answer was lost is found again when the
repeated request is refused as a duplicate.
"""

from __future__ import annotations

from localcloud.providers.cloudflare.api import Api
from localcloud.providers.cloudflare.dns import DnsRecord
from localcloud.providers.cloudflare.r2 import R2Bucket, R2BucketLifecycle, R2BucketLock
from localcloud.providers.cloudflare.ruleset import Ruleset
from localcloud.providers.cloudflare.zone import ZoneDnssec, ZoneSetting
from localcloud.providers.framework import Property, Provider, ProviderError, Values


def provider() -> Provider[Api]:
    """The stand-in, as the server wants it."""
    return Provider(
        name="cloudflare",
        package="pulumi-cloudflare",
        config=(
            Property("apiToken", secret=True, env=("CLOUDFLARE_API_TOKEN",)),
            Property("baseUrl", env=("CLOUDFLARE_BASE_URL",)),
            *(Property(n) for n in ("apiKey", "apiUserServiceKey", "email")),
            Property("userAgentOperatorSuffix"),
        ),
        configure=_configure,
        resources=(
            DnsRecord(),
            ZoneSetting(),
            ZoneDnssec(),
            Ruleset(),
            R2Bucket(),
            R2BucketLifecycle(),
            R2BucketLock(),
        ),
        refused={
            "cloudflare:index/zone:Zone": "zones are seeded; pass their ids by configuration",
        },
    )


def _configure(config: Values) -> Api:
    if not config.get("apiToken"):
        raise ProviderError("apiToken is missing: set CLOUDFLARE_API_TOKEN")
    return Api(config["apiToken"], config.get("baseUrl"))
