"""R2: buckets and their rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from localcloud.providers.cloudflare.api import (
    Api,
    Refused,
    computed_only,
    from_api,
    made_since,
    moment,
    parts,
)
from localcloud.providers.framework import (
    Boolean,
    Context,
    Failure,
    Integer,
    ListOf,
    Object,
    Property,
    ProviderError,
    Resource,
    Values,
    has_unknown,
)

JURISDICTION_HEADER: Final = "cf-r2-jurisdiction"
BUCKET_EXISTS: Final = 10004
"""The API's code for a second bucket of a name."""

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
        began = moment()
        try:
            made = ctx.client.call("post", path, body, _where(inputs))
        except Refused as refused:
            if BUCKET_EXISTS not in refused.codes:
                raise
            made = ctx.client.call("get", f"{path}/{inputs['name']}", None, _where(inputs))
            # Only the answer to this very create was lost; else the bucket was there before.
            if not made_since(began, made["creation_date"]):
                raise
        return made["name"], computed_only(self, inputs, self._outputs(made))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The bucket as it is."""
        if not state:
            account, name, jurisdiction = parts(
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
        return computed_only(self, new, self._outputs(changed))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        """Delete the bucket, which must be empty."""
        path = f"/accounts/{state['accountId']}/r2/buckets/{resource_id}"
        ctx.client.call("delete", path, None, _where(state))

    def _outputs(self, bucket: Mapping[str, Any]) -> Values:
        return cast("Values", from_api(bucket))


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
