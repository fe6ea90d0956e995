"""RepositoryRuleset."""

# ruff: noqa: ARG002 - the arguments of the methods are the framework's, used or not

from __future__ import annotations

import re
from collections.abc import Sequence

from localcloud.providers.framework import (
    Context,
    Failure,
    Integer,
    ListOf,
    Object,
    Property,
    ProviderError,
    Resource,
    String,
    Values,
    has_unknown,
)
from localcloud.providers.github.client import Client, Json, parse_id
from localcloud.providers.github.rules import RULES, from_api, to_api

_REPOSITORY = re.compile(r"^[-a-zA-Z0-9_.]{1,100}$")
_PUSH_RULES = {
    "filePathRestriction",
    "maxFilePathLength",
    "fileExtensionRestriction",
    "maxFileSize",
}
_ACTORS = (
    "RepositoryRole",
    "Team",
    "Integration",
    "OrganizationAdmin",
    "DeployKey",
    "EnterpriseOwner",
    "User",
)
_REF_NAME = Object(
    Property("includes", ListOf(String), required=True),
    Property("excludes", ListOf(String), required=True),
)


def _check_repository(name: str) -> str | None:
    return None if _REPOSITORY.match(name) else "must be a repository's name, without its owner"


def _check_name(name: str) -> str | None:
    return None if 1 <= len(name) <= 100 else "expected 1 to 100 characters"


class RepositoryRuleset(Resource[Client]):
    """A ruleset of a repository."""

    token = "github:index/repositoryRuleset:RepositoryRuleset"  # noqa: S105 - a type
    autoname = "name"
    properties = (
        Property("name", validate=_check_name),
        Property("target", required=True, choices=("branch", "push", "tag")),
        Property("repository", required=True, validate=_check_repository),
        Property("enforcement", required=True, choices=("disabled", "active", "evaluate")),
        Property(
            "bypassActors",
            ListOf(
                Object(
                    Property("actorId", Integer),
                    Property("actorType", required=True, choices=_ACTORS),
                    Property(
                        "bypassMode", required=True, choices=("always", "pull_request", "exempt")
                    ),
                )
            ),
        ),
        Property("conditions", Object(Property("refName", _REF_NAME, required=True))),
        Property("rules", RULES, required=True),
        Property("nodeId", output=True),
        Property("rulesetId", Integer, output=True),
        Property("etag", output=True),
    )

    def check(self, ctx: Context[Client], inputs: Values) -> Sequence[Failure]:
        """Conditions and rules must suit the target."""
        target, rules = inputs["target"], inputs["rules"]
        if has_unknown(target) or has_unknown(rules):
            return ()
        given = {name for name, value in rules.items() if value}
        wrong = given - _PUSH_RULES if target == "push" else given & _PUSH_RULES
        failures = [
            Failure(f"rules.{name}", f"rule {name!r} is not valid for {target} target")
            for name in sorted(wrong)
        ]
        if target == "push" and inputs.get("conditions"):
            failures.append(Failure("conditions", "ref_name must not be set for push target"))
        return failures

    def create(self, ctx: Context[Client], inputs: Values) -> tuple[str, Values]:
        """Create the ruleset; its name must be free."""
        client, path = ctx.client, self._path(ctx.client, inputs)
        if client.get(client.repository(inputs["repository"]))["archived"]:
            raise ProviderError("cannot create ruleset on archived repository")

        def existing() -> Json | None:
            # A list, though typed as any answer of the API is.
            found = client.get(f"{path}?per_page=100")
            number = next((r["id"] for r in found if r["name"] == inputs["name"]), None)  # pyright: ignore
            return None if number is None else client.get(f"{path}/{number}")

        made = client.post(path, self._body(inputs), existing)
        return str(made["id"]), self._outputs(made)

    def read(self, ctx: Context[Client], resource_id: str, state: Values) -> Values | None:
        """As the ruleset is; an import names the repository and the ruleset's number."""
        repository, number = (
            (state["repository"], resource_id)
            if state
            else parse_id(resource_id, "<repository>:<ruleset_id>")
        )
        found = ctx.client.get(f"{self._path(ctx.client, {'repository': repository})}/{number}")
        conditions: Json = found.get("conditions") or {}
        names: Json | None = conditions.get("ref_name")
        actors: list[Json] = found.get("bypass_actors") or []
        return {
            "id": number,
            "repository": repository,
            "name": found["name"],
            "target": found["target"],
            "enforcement": found["enforcement"],
            "bypassActors": [
                {
                    "actorId": actor.get("actor_id") or 0,
                    "actorType": actor["actor_type"],
                    "bypassMode": actor["bypass_mode"],
                }
                for actor in actors
            ],
            "conditions": names
            and {"refName": {"includes": names["include"], "excludes": names["exclude"]}},
            "rules": from_api(found.get("rules") or []),
            **self._outputs(found),
        }

    def update(self, ctx: Context[Client], resource_id: str, old: Values, new: Values) -> Values:
        """Write the whole ruleset again."""
        made = ctx.client.put(f"{self._path(ctx.client, new)}/{resource_id}", self._body(new))
        return self._outputs(made)

    def delete(self, ctx: Context[Client], resource_id: str, state: Values) -> None:
        """Delete the ruleset."""
        ctx.client.delete(f"{self._path(ctx.client, state)}/{resource_id}")

    @staticmethod
    def _path(client: Client, values: Values) -> str:
        return f"{client.repository(values['repository'])}/rulesets"

    @staticmethod
    def _outputs(made: Json) -> Values:
        # The tag stands for the content: the stand-in reads without it.
        outputs = {"rulesetId": made["id"], "nodeId": made["node_id"], "etag": made["updated_at"]}
        return {**outputs}

    @staticmethod
    def _body(inputs: Values) -> Json:
        conditions: Values = inputs.get("conditions") or {}
        names: Values | None = conditions.get("refName")
        body: Json = {
            "name": inputs["name"],
            "target": inputs["target"],
            "source": inputs["repository"],
            "source_type": "Repository",
            "enforcement": inputs["enforcement"],
            "bypass_actors": [
                {
                    "actor_id": actor.get("actorId") or None,
                    "actor_type": actor["actorType"],
                    "bypass_mode": actor["bypassMode"],
                }
                for actor in inputs.get("bypassActors", [])
            ],
            "rules": to_api(inputs["rules"]),
        }
        if names:
            body["conditions"] = {
                "ref_name": {"include": names["includes"], "exclude": names["excludes"]}
            }
        return body
