"""The stand-in of the Cloudflare provider, on the vendor's official Python client.

Properties, replacements, import ids and refusals are those of the official plugin v6. It keeps
two of that plugin's habits: what was a program's input is never overwritten by an answer to a
create or an update, and settings, life cycles and locks stay in the cloud when they are deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import httpx
from cloudflare import APIConnectionError, APIStatusError, Cloudflare

from localcloud.providers.framework import (
    Anything,
    Boolean,
    Context,
    Failure,
    Integer,
    ListOf,
    NotFound,
    Number,
    Object,
    Property,
    Provider,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
    has_unknown,
)

JURISDICTION_HEADER: Final = "cf-r2-jurisdiction"
RETRIES: Final = 4


class Api:
    """The few calls that the resources need, with errors that name what the API said."""

    def __init__(self, token: str, base_url: str | None) -> None:
        self._client = Cloudflare(api_token=token, base_url=base_url, max_retries=RETRIES)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}
    ) -> Any:  # noqa: ANN401 - the API's JSON
        """The `result` of a request. Raises `NotFound` or `ProviderError`."""
        # The client's own request: it authenticates, waits on 429 and tries again.
        request = cast("Callable[..., httpx.Response]", getattr(self._client, method))
        options = {"headers": dict(headers)} if headers else {}
        try:
            answer = (
                request(path, cast_to=httpx.Response, options=options)
                if body is None
                else request(path, cast_to=httpx.Response, body=body, options=options)
            )
        except APIStatusError as error:
            kind = NotFound if error.status_code == 404 else ProviderError
            raise kind(_said(error.response)) from error
        except APIConnectionError as error:
            raise ProviderError(f"Cloudflare cannot be reached: {error}") from error
        return answer.json()["result"] if answer.content else None


def _said(answer: httpx.Response) -> str:
    try:
        problems = answer.json()["errors"]
        said = "; ".join(f"{p['message']} ({p['code']})" for p in problems)
    except (ValueError, KeyError, TypeError):
        said = answer.text
    return f"Cloudflare answered {answer.status_code}: {said}"


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _to_api(value: object) -> object:
    """Keys of nested objects as the API spells them."""
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        return {_snake(k): _to_api(v) for k, v in given.items() if v is not None}
    if isinstance(value, list):
        return [_to_api(item) for item in cast("list[object]", value)]
    return value


def _from_api(value: object) -> object:
    """Keys of nested objects as the schema spells them."""
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        return {_camel(k): _from_api(v) for k, v in given.items() if v is not None}
    if isinstance(value, list):
        return [_from_api(item) for item in cast("list[object]", value)]
    return value


def _parts(resource_id: str, form: str) -> list[str]:
    """The parts of an import id, which must have the given form."""
    parts = resource_id.split("/")
    if len(parts) != len(form.split("/")) or not all(parts):
        raise ProviderError(f"invalid id {resource_id!r}: expected {form}")
    return parts


def _computed_only(resource: Resource[Api], inputs: Values, answer: Values) -> Values:
    """What an answer adds: outputs, and what the program has left to the provider."""
    fields = {field.name: field for field in resource.properties}
    return {
        key: value
        for key, value in answer.items()
        if key in fields and (fields[key].output or (fields[key].computed and key not in inputs))
    }


class DnsRecord(Resource[Api]):
    """A DNS record; import id `<zone_id>/<dns_record_id>`."""

    token = "cloudflare:index/dnsRecord:DnsRecord"  # noqa: S105
    properties = (
        Property("zoneId", required=True, force_new=True),
        Property("name", required=True),
        Property("type", required=True),
        Property("ttl", Number, required=True),
        Property("comment"),
        Property("content", computed=True, conflicts_with=("data",)),
        Property(
            "data",
            Object(
                Property("flags", Anything),
                *(Property(n) for n in ("tag", "value", "target", "service")),
                *(Property(n, Number) for n in ("priority", "weight", "port")),
            ),
        ),
        Property("priority", Number),
        Property("privateRouting", Boolean),
        Property("includeShadowMetadata", Boolean),
        Property("proxied", Boolean, computed=True),
        Property(
            "settings",
            Object(*(Property(n, Boolean) for n in ("ipv4Only", "ipv6Only", "flattenCname"))),
            computed=True,
        ),
        Property("tags", SetOf(String), computed=True),
        Property("commentModifiedOn", output=True, volatile=True),
        Property("createdOn", output=True),
        Property("meta", output=True),
        Property("modifiedOn", output=True, volatile=True),
        Property("proxiable", Boolean, output=True),
        Property("tagsModifiedOn", output=True),
    )

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        """Make the record, refusing what the official plugin refuses before it asks."""
        _refuse_ttl(inputs)
        path = f"/zones/{inputs['zoneId']}/dns_records"
        made = ctx.client.call("post", path, self._body(inputs))
        return made["id"], _computed_only(self, inputs, self._outputs(made))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The record as it is."""
        if state:
            zone_id = state["zoneId"]
        else:
            zone_id, resource_id = _parts(resource_id, "<zone_id>/<dns_record_id>")
        found = ctx.client.call("get", f"/zones/{zone_id}/dns_records/{resource_id}")
        return {"id": resource_id, "zoneId": zone_id, **self._outputs(found)}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Overwrite the record."""
        path = f"/zones/{new['zoneId']}/dns_records/{resource_id}"
        changed = ctx.client.call("put", path, self._body(new))
        return _computed_only(self, new, self._outputs(changed))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        """Remove the record."""
        ctx.client.call("delete", f"/zones/{state['zoneId']}/dns_records/{resource_id}")

    def _body(self, inputs: Values) -> object:
        return _to_api({key: value for key, value in inputs.items() if key != "zoneId"})

    def _outputs(self, record: Mapping[str, Any]) -> Values:
        outputs = cast("Values", _from_api({**record, "meta": None}))
        outputs["meta"] = json.dumps(record.get("meta") or {})
        for name in ("comment", "data", "priority"):
            outputs.setdefault(name, None)
        del outputs["id"]
        return outputs


def _refuse_ttl(inputs: Values) -> None:
    if inputs.get("proxied") and inputs["ttl"] != 1:
        raise ProviderError("ttl must be set to 1 when `proxied` is true")


class ZoneSetting(Resource[Api]):
    """A setting of a zone; import id `<zone_id>/<setting_id>`. Deleting it changes nothing."""

    token = "cloudflare:index/zoneSetting:ZoneSetting"  # noqa: S105
    properties = (
        Property("zoneId", required=True, force_new=True),
        Property("settingId", required=True, force_new=True),
        Property("value", Anything, required=True),
        Property("enabled", Boolean, computed=True),
        Property("editable", Boolean, output=True),
        Property("modifiedOn", output=True, volatile=True),
        Property("timeRemaining", Number, output=True),
    )
    undo_abandoned = False

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        """Set it."""
        return inputs["settingId"], self._set(ctx, inputs)

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The setting as it is; `value` keeps the vendor's own keys."""
        if state:
            zone_id, setting_id = state["zoneId"], state["settingId"]
        else:
            zone_id, setting_id = _parts(resource_id, "<zone_id>/<setting_id>")
        found = ctx.client.call("get", f"/zones/{zone_id}/settings/{setting_id}")
        return {
            "id": setting_id,
            "zoneId": zone_id,
            "settingId": setting_id,
            "value": found["value"],
            "editable": found["editable"],
            "modifiedOn": found["modified_on"],
        }

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Set it."""
        return self._set(ctx, new)

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """As the official plugin: the zone keeps the setting."""
        return

    def _set(self, ctx: Context[Api], inputs: Values) -> Values:
        path = f"/zones/{inputs['zoneId']}/settings/{inputs['settingId']}"
        answer = ctx.client.call("patch", path, {"value": inputs["value"]})
        return {"editable": answer["editable"], "modifiedOn": answer["modified_on"]}


class ZoneDnssec(Resource[Api]):
    """DNSSEC of a zone; import id `<zone_id>`."""

    token = "cloudflare:index/zoneDnssec:ZoneDnssec"  # noqa: S105
    properties = (
        Property("zoneId", required=True, force_new=True),
        Property("status", choices=("active", "disabled")),
        *(
            Property(name, Boolean)
            for name in ("dnssecMultiSigner", "dnssecPresigned", "dnssecUseNsec3")
        ),
        *(
            Property(name, output=True)
            for name in (
                "algorithm",
                "digest",
                "digestAlgorithm",
                "digestType",
                "ds",
                "keyType",
                "publicKey",
            )
        ),
        Property("modifiedOn", output=True, volatile=True),
        Property("flags", Number, output=True),
        Property("keyTag", Number, output=True),
    )
    undo_abandoned = False

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        """Sign the zone."""
        return inputs["zoneId"], self.update(ctx, inputs["zoneId"], {}, inputs)

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:  # noqa: ARG002
        """As it is: `pending` until the registrar has the DS record."""
        found = ctx.client.call("get", f"/zones/{resource_id}/dnssec")
        return {"zoneId": resource_id, **cast("Values", _from_api(found))}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Change it."""
        body = _to_api({key: value for key, value in new.items() if _is_dnssec_input(key)})
        answer = ctx.client.call("patch", f"/zones/{resource_id}/dnssec", body)
        return _computed_only(self, new, cast("Values", _from_api(answer)))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """Turn it off, then forget its keys."""
        path = f"/zones/{resource_id}/dnssec"
        ctx.client.call("patch", path, {"status": "disabled"})
        ctx.client.call("delete", path)


def _is_dnssec_input(key: str) -> bool:
    return key == "status" or key.startswith("dnssec")


_TTL: Final = Object(Property("mode", required=True), Property("default", Integer))
_RULE: Final = Object(
    Property("action", required=True),
    Property("expression", required=True),
    Property("actionParameters", Anything, computed=True),
    Property("description", computed=True),
    Property("enabled", Boolean, default=True),
    Property("ref", computed=True),
    Property("id", computed=True),
    Property("logging", Anything, computed=True),
)


class Ruleset(Resource[Api]):
    """The rules of a phase of a zone; import id `zones/<zone_id>/<ruleset_id>`."""

    token = "cloudflare:index/ruleset:Ruleset"  # noqa: S105
    properties = (
        Property("zoneId", force_new=True, exactly_one_of=("zoneId", "accountId")),
        Property("accountId", force_new=True, exactly_one_of=("zoneId", "accountId")),
        Property("kind", required=True, force_new=True),
        Property("name", required=True, force_new=True),
        Property("phase", required=True, force_new=True),
        Property("description", computed=True),
        Property("rules", ListOf(_RULE)),
        Property("lastUpdated", output=True, volatile=True),
        Property("version", output=True, volatile=True),
    )

    def check(self, ctx: Context[Api], inputs: Values) -> Sequence[Failure]:  # noqa: ARG002
        """Only zones have rulesets here."""
        if inputs.get("accountId"):
            return [Failure("accountId", "the local cloud has rulesets of zones only")]
        return ()

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        """Make the phase's entry point; an error when there is one."""
        made = ctx.client.call("post", f"/zones/{inputs['zoneId']}/rulesets", self._body(inputs))
        return made["id"], _computed_only(self, inputs, self._outputs(made))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The rules as they are."""
        if state:
            zone_id = state["zoneId"]
        else:
            scope, zone_id, resource_id = _parts(resource_id, "zones/<zone_id>/<ruleset_id>")
            if scope != "zones":
                raise ProviderError("the local cloud has rulesets of zones only")
        found = ctx.client.call("get", f"/zones/{zone_id}/rulesets/{resource_id}")
        return {"id": resource_id, "zoneId": zone_id, **self._outputs(found)}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Overwrite the rules."""
        path = f"/zones/{new['zoneId']}/rulesets/{resource_id}"
        changed = ctx.client.call("put", path, self._body(new))
        return _computed_only(self, new, self._outputs(changed))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        """Remove the rules of the phase."""
        ctx.client.call("delete", f"/zones/{state['zoneId']}/rulesets/{resource_id}")

    def _body(self, inputs: Values) -> object:
        known = ("kind", "name", "phase", "description", "rules")
        return _to_api({key: inputs[key] for key in known if key in inputs})

    def _outputs(self, ruleset: Mapping[str, Any]) -> Values:
        outputs = cast("Values", _from_api(ruleset))
        del outputs["id"]
        for rule in outputs["rules"]:
            for name in ("version", "lastUpdated"):  # the schema of a rule has neither
                rule.pop(name, None)
        return outputs


_JURISDICTION: Final = Property(
    "jurisdiction", default="default", choices=("default", "eu", "fedramp")
)


class R2Bucket(Resource[Api]):
    """A bucket; import id `<account_id>/<bucket_name>/<jurisdiction>`."""

    token = "cloudflare:index/r2Bucket:R2Bucket"  # noqa: S105
    properties = (
        Property("accountId", required=True, force_new=True),
        Property("name", required=True, force_new=True),
        _JURISDICTION,
        # Only a hint at creation: afterwards the plugin keeps what the state has.
        Property("location", computed=True, suppress=lambda old, _: old is not None),
        Property("storageClass", default="Standard", choices=("Standard", "InfrequentAccess")),
        Property("creationDate", output=True),
    )

    def check(self, ctx: Context[Api], inputs: Values) -> Sequence[Failure]:  # noqa: ARG002
        """The location in any case of letters."""
        location = inputs.get("location")
        known = ("apac", "eeur", "enam", "weur", "wnam", "oc")
        if location is None or has_unknown(location) or location.lower() in known:
            return ()
        return [Failure("location", f"expected one of {', '.join(known)}, got {location!r}")]

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        """Make the bucket."""
        body = {"name": inputs["name"], "storageClass": inputs["storageClass"]}
        if inputs.get("location"):
            body["locationHint"] = inputs["location"].lower()
        path = f"/accounts/{inputs['accountId']}/r2/buckets"
        made = ctx.client.call("post", path, body, _where(inputs))
        return made["name"], _computed_only(self, inputs, self._outputs(made))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The bucket as it is."""
        if not state:
            account, name, jurisdiction = _parts(
                resource_id, "<account_id>/<bucket_name>/<jurisdiction>"
            )
            state = {"accountId": account, "name": name, "jurisdiction": jurisdiction}
        path = f"/accounts/{state['accountId']}/r2/buckets/{state['name']}"
        found = ctx.client.call("get", path, None, _where(state))
        place = {key: state[key] for key in ("accountId", "name", "jurisdiction") if key in state}
        return {"id": state["name"], **self._outputs(found), **place}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Change the storage class."""
        path = f"/accounts/{new['accountId']}/r2/buckets/{resource_id}"
        headers = {**_where(new), "cf-r2-storage-class": new["storageClass"]}
        changed = ctx.client.call("patch", path, None, headers)
        return _computed_only(self, new, self._outputs(changed))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        """Delete the bucket, which must be empty."""
        path = f"/accounts/{state['accountId']}/r2/buckets/{resource_id}"
        ctx.client.call("delete", path, None, _where(state))

    def _outputs(self, bucket: Mapping[str, Any]) -> Values:
        return cast("Values", _from_api(bucket))


def _where(values: Mapping[str, Any]) -> dict[str, str]:
    return {JURISDICTION_HEADER: values.get("jurisdiction") or "default"}


class _BucketRules(Resource[Api]):
    """Rules of a bucket: no id of their own, no import, and kept by the bucket when deleted."""

    path: str
    undo_abandoned = False

    def create(self, ctx: Context[Api], inputs: Values) -> tuple[str, Values]:
        """Set the rules; the id is the account's, as with the official plugin."""
        return inputs["accountId"], self._put(ctx, inputs)

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The rules as they are."""
        if not state:
            raise ProviderError(f"{self.token} cannot be imported ({resource_id})")
        found = ctx.client.call("get", self._url(state), None, _where(state))
        return {"rules": found["rules"]}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Set the rules."""
        return self._put(ctx, new)

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """As the official plugin: the bucket keeps its rules."""
        return

    def _put(self, ctx: Context[Api], inputs: Values) -> Values:
        # The API spells the keys of these rules as the schema does.
        body: dict[str, object] = {"rules": inputs.get("rules", [])}
        ctx.client.call("put", self._url(inputs), body, _where(inputs))
        return {}

    def _url(self, values: Values) -> str:
        bucket = f"/accounts/{values['accountId']}/r2/buckets/{values['bucketName']}"
        return f"{bucket}/{self.path}"


def _bucket_properties(rule: Object) -> tuple[Property, ...]:
    return (
        Property("accountId", required=True, force_new=True),
        Property("bucketName", required=True, force_new=True),
        _JURISDICTION,
        Property("rules", ListOf(rule)),
    )


_AGE: Final = Object(Property("type", required=True), Property("maxAge", Integer), Property("date"))


class R2BucketLifecycle(_BucketRules):
    """What happens to a bucket's objects with age."""

    token = "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle"  # noqa: S105
    path = "lifecycle"
    properties = _bucket_properties(
        Object(
            Property("id", required=True),
            Property("enabled", Boolean, required=True),
            Property("conditions", Object(Property("prefix", required=True)), required=True),
            Property("abortMultipartUploadsTransition", Object(Property("condition", _AGE))),
            Property("deleteObjectsTransition", Object(Property("condition", _AGE))),
            Property(
                "storageClassTransitions",
                ListOf(
                    Object(
                        Property("condition", _AGE, required=True),
                        Property("storageClass", required=True),
                    )
                ),
            ),
        )
    )


class R2BucketLock(_BucketRules):
    """How long a bucket's objects can be neither deleted nor overwritten."""

    token = "cloudflare:index/r2BucketLock:R2BucketLock"  # noqa: S105
    path = "lock"
    properties = _bucket_properties(
        Object(
            Property("id", required=True),
            Property("enabled", Boolean, required=True),
            Property("prefix"),
            Property(
                "condition",
                Object(
                    Property("type", required=True),
                    Property("maxAgeSeconds", Integer),
                    Property("date"),
                ),
                required=True,
            ),
        )
    )


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
