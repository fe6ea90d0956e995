"""The Cloudflare resources that the program uses, without the cost of the official SDK's import.

Importing `pulumi_cloudflare` takes some seconds of CPU, more than all the rest of a preview. So
the type checker sees the official classes, and at run time stand-ins with the same call
signature register exactly the same: type token, property names, plugin version, aliases. A test
imports the official SDK and compares both, so an upgrade that changes a name fails there.

Only what the program uses is here: add a class by adding its properties.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

_CAPITAL = re.compile("[A-Z]")


def camel(name: str) -> str:
    """`zone_id` as `zoneId`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def snake(name: str) -> str:
    """`zoneId` as `zone_id`, and `from` as `from_`."""
    python_name = _CAPITAL.sub(lambda letter: "_" + letter.group().lower(), name)
    return f"{python_name}_" if keyword.iskeyword(python_name) else python_name


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
    import importlib.metadata
    from typing import ClassVar

    import pulumi

    VERSION = importlib.metadata.version("pulumi_cloudflare")

    class _Properties:
        """What a class of the SDK accepts and answers; names as in Python."""

        token: ClassVar[str]
        required: ClassVar[tuple[str, ...]] = ()
        optional: ClassVar[tuple[str, ...]] = ()
        outputs: ClassVar[tuple[str, ...]] = ()
        secret: ClassVar[tuple[str, ...]] = ()
        former_types: ClassVar[tuple[str, ...]] = ()

        @classmethod
        def _inputs(cls, given: dict[str, object]) -> dict[str, object]:
            known = (*cls.required, *cls.optional)
            unknown = sorted(set(given) - set(known))
            if unknown:
                raise TypeError(f"{cls.__name__} has no property {', '.join(unknown)}")
            missing = [name for name in cls.required if given.get(name) is None]
            if missing:
                raise TypeError(f"Missing required property {missing[0]!r}")
            # Each property that is registered costs several futures, whether it is given or not.
            inputs = {name: given[name] for name in known if given.get(name) is not None}
            for name in set(cls.secret) & inputs.keys():
                inputs[name] = pulumi.Output.secret(inputs[name])
            return inputs | dict.fromkeys(cls.outputs)

        @classmethod
        def _options(cls, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
            # The version makes the engine load the plugin that the SDK belongs to.
            defaults = pulumi.ResourceOptions(
                version=VERSION,
                aliases=[pulumi.Alias(type_=token) for token in cls.former_types],
                additional_secret_outputs=[camel(name) for name in cls.secret],
            )
            return pulumi.ResourceOptions.merge(defaults, opts)

        def __getattr__(self, name: str) -> object:
            # Reached for what was never assigned: the property does not exist.
            raise AttributeError(f"{type(self).__name__} has no property {name}")

        def translate_input_property(self, prop: str) -> str:
            """Names of inputs, nested ones too, as the plugin spells them."""
            return camel(prop)

        def translate_output_property(self, prop: str) -> str:
            """Names of outputs, nested ones too, as Python spells them."""
            return snake(prop)

    class _Resource(_Properties, pulumi.CustomResource):
        def __init__(
            self, resource_name: str, opts: pulumi.ResourceOptions | None = None, **inputs: object
        ) -> None:
            super().__init__(self.token, resource_name, self._inputs(inputs), self._options(opts))

    class Provider(_Properties, pulumi.ProviderResource):
        """Configuration of the plugin; token and address come from the environment."""

        token = "cloudflare"
        optional = (
            "api_key",
            "api_token",
            "api_user_service_key",
            "base_url",
            "email",
            "user_agent_operator_suffix",
        )
        secret = ("api_key", "api_token", "api_user_service_key")

        def __init__(
            self, resource_name: str, opts: pulumi.ResourceOptions | None = None, **inputs: object
        ) -> None:
            super().__init__(self.token, resource_name, self._inputs(inputs), self._options(opts))

    class DnsRecord(_Resource):
        """One DNS record."""

        token = "cloudflare:index/dnsRecord:DnsRecord"
        former_types = ("cloudflare:index/record:Record",)
        required = ("name", "ttl", "type", "zone_id")
        optional = (
            "comment",
            "content",
            "data",
            "include_shadow_metadata",
            "priority",
            "private_routing",
            "proxied",
            "settings",
            "tags",
        )
        outputs = (
            "comment_modified_on",
            "created_on",
            "meta",
            "modified_on",
            "proxiable",
            "tags_modified_on",
        )

    class ZoneSetting(_Resource):
        """One setting of a zone."""

        token = "cloudflare:index/zoneSetting:ZoneSetting"
        required = ("setting_id", "value", "zone_id")
        optional = ("enabled",)
        outputs = ("editable", "modified_on", "time_remaining")

        def translate_input_property(self, prop: str) -> str:
            """Only the resource's own names: inside `value` they are the vendor's, kept as is."""
            own = (*self.required, *self.optional, *self.outputs)
            return camel(prop) if prop in own else prop

    class ZoneDnssec(_Resource):
        """DNSSEC of a zone."""

        token = "cloudflare:index/zoneDnssec:ZoneDnssec"
        required = ("zone_id",)
        optional = ("dnssec_multi_signer", "dnssec_presigned", "dnssec_use_nsec3", "status")
        outputs = (
            "algorithm",
            "digest",
            "digest_algorithm",
            "digest_type",
            "ds",
            "flags",
            "key_tag",
            "key_type",
            "modified_on",
            "public_key",
        )

    class Ruleset(_Resource):
        """The rules of one phase."""

        token = "cloudflare:index/ruleset:Ruleset"
        required = ("kind", "name", "phase")
        optional = ("account_id", "description", "rules", "zone_id")
        outputs = ("last_updated", "version")

    class R2Bucket(_Resource):
        """A bucket of R2."""

        token = "cloudflare:index/r2Bucket:R2Bucket"
        required = ("account_id", "name")
        optional = ("jurisdiction", "location", "storage_class")
        outputs = ("creation_date",)

    class R2BucketLifecycle(_Resource):
        """What happens to a bucket's objects with age."""

        token = "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle"
        required = ("account_id", "bucket_name")
        optional = ("jurisdiction", "rules")

    class R2BucketLock(_Resource):
        """How long a bucket's objects can be neither deleted nor overwritten."""

        token = "cloudflare:index/r2BucketLock:R2BucketLock"
        required = ("account_id", "bucket_name")
        optional = ("jurisdiction", "rules")


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
