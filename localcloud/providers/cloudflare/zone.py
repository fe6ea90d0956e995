"""Settings and DNSSEC of a zone."""

from __future__ import annotations

from typing import cast

from localcloud.providers.cloudflare.api import (
    Api,
    computed_only,
    from_api,
    parts,
    to_api,
)
from localcloud.providers.framework import (
    Anything,
    Boolean,
    Context,
    Number,
    Property,
    Resource,
    Values,
)


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
            zone_id, setting_id = parts(resource_id, "<zone_id>/<setting_id>")
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
        return {"zoneId": resource_id, **cast("Values", from_api(found))}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Change it."""
        body = to_api({key: value for key, value in new.items() if _is_dnssec_input(key)})
        answer = ctx.client.call("patch", f"/zones/{resource_id}/dnssec", body)
        return computed_only(self, new, cast("Values", from_api(answer)))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:  # noqa: ARG002
        """Turn it off, then forget its keys."""
        path = f"/zones/{resource_id}/dnssec"
        ctx.client.call("patch", path, {"status": "disabled"})
        ctx.client.call("delete", path)


def _is_dnssec_input(key: str) -> bool:
    return key == "status" or key.startswith("dnssec")
