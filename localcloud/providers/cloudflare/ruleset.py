"""Rulesets."""

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
    to_api,
)
from localcloud.providers.framework import (
    Anything,
    Boolean,
    Context,
    Failure,
    ListOf,
    Object,
    Property,
    ProviderError,
    Resource,
    Values,
)

ENTRY_POINT_EXISTS: Final = 20217
"""The API's code for a second entry point of a phase."""

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
        path = f"/zones/{inputs['zoneId']}/rulesets"
        began = moment()
        try:
            made = ctx.client.call("post", path, self._body(inputs))
        except Refused as refused:
            if ENTRY_POINT_EXISTS not in refused.codes:
                raise
            made = ctx.client.call("get", f"{path}/phases/{inputs['phase']}/entrypoint")
            # Only the answer to this very create was lost; else it is somebody else's.
            if made["name"] != inputs["name"] or not made_since(began, made["last_updated"]):
                raise
        return made["id"], computed_only(self, inputs, self._outputs(made))

    def read(self, ctx: Context[Api], resource_id: str, state: Values) -> Values:
        """The rules as they are."""
        if state:
            zone_id = state["zoneId"]
        else:
            scope, zone_id, resource_id = parts(resource_id, "zones/<zone_id>/<ruleset_id>")
            if scope != "zones":
                raise ProviderError("the local cloud has rulesets of zones only")
        found = ctx.client.call("get", f"/zones/{zone_id}/rulesets/{resource_id}")
        return {"id": resource_id, "zoneId": zone_id, **self._outputs(found)}

    def update(self, ctx: Context[Api], resource_id: str, old: Values, new: Values) -> Values:  # noqa: ARG002
        """Overwrite the rules."""
        path = f"/zones/{new['zoneId']}/rulesets/{resource_id}"
        changed = ctx.client.call("put", path, self._body(new))
        return computed_only(self, new, self._outputs(changed))

    def delete(self, ctx: Context[Api], resource_id: str, state: Values) -> None:
        """Remove the rules of the phase."""
        ctx.client.call("delete", f"/zones/{state['zoneId']}/rulesets/{resource_id}")

    def _body(self, inputs: Values) -> object:
        known = ("kind", "name", "phase", "description", "rules")
        return to_api({key: inputs[key] for key in known if key in inputs})

    def _outputs(self, ruleset: Mapping[str, Any]) -> Values:
        outputs = cast("Values", from_api(ruleset))
        del outputs["id"]
        for rule in outputs["rules"]:
            for name in ("version", "lastUpdated"):  # the schema of a rule has neither
                rule.pop(name, None)
        return outputs
