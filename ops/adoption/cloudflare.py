"""What a killed update may have made at Cloudflare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ops.adoption.api import ask


@dataclass(frozen=True)
class Cloudflare:
    """The zones and the account that the token may read."""

    variables: Mapping[str, str]

    def record(self, inputs: Mapping[str, Any]) -> str | None:
        """The record of that name and type, with that content and those parts of it.

        A name has several CAA records, which have parts instead of a content.
        """
        query = {"name": str(inputs.get("name", "")), "type": str(inputs.get("type", ""))}
        listed = self._get(f"zones/{inputs['zoneId']}/dns_records", query)
        parts = cast("dict[str, Any]", inputs.get("data") or {})
        for found in cast("list[dict[str, Any]]", listed or []):
            if inputs.get("content") in (None, found.get("content")) and _has(found, parts):
                return str(found["id"])
        return None

    def ruleset(self, inputs: Mapping[str, Any]) -> str | None:
        """The zone's entry point of that phase, if it has the name that we gave it."""
        path = f"zones/{inputs['zoneId']}/rulesets/phases/{inputs['phase']}/entrypoint"
        found = self._get(path)
        return str(found["id"]) if found and found.get("name") == inputs.get("name") else None

    def bucket(self, inputs: Mapping[str, Any]) -> str | None:
        """The account's bucket of that name; an account has a name once."""
        name = str(inputs["name"])
        return name if self._get(f"accounts/{inputs['accountId']}/r2/buckets/{name}") else None

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - a vendor's JSON
        base = self.variables.get("CLOUDFLARE_BASE_URL", "https://api.cloudflare.com/client/v4")
        told = ask(f"{base}/{path}", "CLOUDFLARE_API_TOKEN", self.variables, query or {})
        return cast("dict[str, Any]", told or {}).get("result")


def _has(found: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
    there = cast("dict[str, Any]", found.get("data") or {})
    # Numbers may come as floats or text, and the engine's own marks (`__defaults`) with them.
    given = {n: part for n, part in parts.items() if part is not None and not n.startswith("__")}
    return all(_text(there.get(name)) == _text(part) for name, part in given.items())


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
