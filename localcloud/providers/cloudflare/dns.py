"""DNS records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from localcloud.providers.cloudflare.api import (
    Api,
    Refused,
    computed_only,
    from_api,
    made_since,
    moment,
    parts,
    to_api,
)
from localcloud.providers.framework import (
    Anything,
    Boolean,
    Context,
    Number,
    Object,
    Property,
    ProviderError,
    Resource,
    SetOf,
    String,
    Values,
)

IDENTICAL: Final = 81058
"""The API's code for a second identical record."""


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
        began = moment()
        try:
            made = ctx.client.call("post", path, self._body(inputs))
        except Refused as refused:
            made = self._ours(ctx, inputs, began) if IDENTICAL in refused.codes else None
            if made is None:
                raise
        return made["id"], computed_only(self, inputs, self._outputs(made))

    def _ours(self, ctx: Context[Api], inputs: Values, began: datetime) -> Values | None:
        """The identical record, if this very create has made it and only its answer was lost."""
        path = f"/zones/{inputs['zoneId']}/dns_records?name={inputs['name']}&type={inputs['type']}"
        for record in ctx.client.call("get", path):
            same = record["content"] == inputs.get("content") or _contains(
                record.get("data"), inputs.get("data")
            )
            if same and made_since(began, record["created_on"]):
                return record
        return None

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The record as it is."""
        if state:
            zone_id = state["zoneId"]
        else:
            zone_id, resource_id = parts(resource_id, "<zone_id>/<dns_record_id>")
        found = ctx.client.call("get", f"/zones/{zone_id}/dns_records/{resource_id}")
        return {"id": resource_id, "zoneId": zone_id, **self._outputs(found)}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Overwrite the record."""
        path = f"/zones/{new['zoneId']}/dns_records/{resource_id}"
        changed = ctx.client.call("put", path, self._body(new))
        return computed_only(self, new, self._outputs(changed))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        """Remove the record."""
        ctx.client.call("delete", f"/zones/{state['zoneId']}/dns_records/{resource_id}")

    def _body(self, inputs: Values) -> object:
        return to_api({key: value for key, value in inputs.items() if key != "zoneId"})

    def _outputs(self, record: Mapping[str, Any]) -> Values:
        outputs = cast("Values", from_api({**record, "meta": None}))
        outputs["meta"] = json.dumps(record.get("meta") or {})
        for name in ("comment", "data", "priority"):
            outputs.setdefault(name, None)
        del outputs["id"]
        return outputs


def _contains(found: Values | None, wanted: Values | None) -> bool:
    if found is None or wanted is None:
        return False
    return all(found.get(key) == value for key, value in wanted.items())


def _refuse_ttl(inputs: Values) -> None:
    if inputs.get("proxied") and inputs["ttl"] != 1:
        raise ProviderError("ttl must be set to 1 when `proxied` is true")
