"""What a killed update may have made at GitHub.

Environments, secrets and security settings are put, not posted: making them again leaves one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from ops.adoption.api import ask

_PUBLIC = "https://api.github.com/"
# Of lists, GitHub gives thirty entries unless more are asked for.
_WHOLE_PAGE = {"per_page": "100"}


@dataclass(frozen=True)
class GitHub:
    """The repositories of the owner that the stack's provider names."""

    variables: Mapping[str, str]
    owner: str

    def variable(self, inputs: Mapping[str, Any]) -> str | None:
        """The environment's variable of that name."""
        repository, environment = str(inputs["repository"]), str(inputs["environment"])
        name = str(inputs["variableName"])
        place = f"environments/{quote(environment, safe='')}/variables/{quote(name, safe='')}"
        found = self._get(repository, place)
        return ":".join([repository, environment, name]) if found else None

    def ruleset(self, inputs: Mapping[str, Any]) -> str | None:
        """The repository's ruleset of that name; a repository has a name once."""
        listed = self._get(str(inputs["repository"]), "rulesets")
        for found in cast("list[dict[str, Any]]", listed or []):
            if found.get("name") == inputs.get("name"):
                return str(found["id"])
        return None

    def policy(self, inputs: Mapping[str, Any]) -> str | None:
        """What lets branches or tags of that pattern deploy to the environment."""
        repository, environment = str(inputs["repository"]), str(inputs["environment"])
        place = f"environments/{quote(environment, safe='')}/deployment-branch-policies"
        listed = cast("dict[str, list[dict[str, Any]]]", self._get(repository, place) or {})
        kind = "branch" if "branchPattern" in inputs else "tag"
        for found in listed.get("branch_policies", []):
            if found["name"] == inputs[f"{kind}Pattern"] and found.get("type", "branch") == kind:
                return ":".join([repository, environment, str(found["id"])])
        return None

    def _get(self, repository: str, path: str) -> Any:  # noqa: ANN401 - a vendor's JSON
        base = self.variables.get("GITHUB_BASE_URL") or _PUBLIC
        # A server of one's own has its API below a path.
        root = base if base == _PUBLIC else f"{base.rstrip('/')}/api/v3/"
        url = f"{root}repos/{self.owner}/{repository}/{path}"
        return ask(url, "GITHUB_TOKEN", self.variables, _WHOLE_PAGE)
