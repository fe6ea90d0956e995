"""A loss, done for real: at the vendors' APIs of the local cloud, and in the engine's backend."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx

from localcloud.processes import wait_until
from ops.adoption.hetzner import COLLECTIONS
from ops.drill.plan import Variant
from ops.failures import OpsError
from ops.file_backend import backend_folder
from ops.target import Target

_SERVER, _VOLUME = "hcloud:index/server:Server", "hcloud:index/volume:Volume"
# What a server uses goes after it. A protected one has to be let go first, as by a person.
_HETZNER = (_SERVER, *(kind for kind in COLLECTIONS if kind != _SERVER))
_PROTECTED = {_SERVER, _VOLUME, "hcloud:index/primaryIp:PrimaryIp"}
_RECORD, _RULESET = "cloudflare:index/dnsRecord:DnsRecord", "cloudflare:index/ruleset:Ruleset"
_ENVIRONMENT = "github:index/repositoryEnvironment:RepositoryEnvironment"
_RULES = "github:index/repositoryRuleset:RepositoryRuleset"
_GONE_SECONDS = 120
_TIMEOUT = 60.0

Resource = Mapping[str, Any]


def refuse_real(target: Target) -> None:
    """Raise `OpsError` when this is not the local cloud: what a drill deletes is deleted."""
    if not target.is_local:
        raise OpsError(
            "A drill destroys what it then rebuilds: on the local cloud only.",
            ["Add --local. With accounts, by hand and on a stack of its own: "
             "docs/runbooks/rebuild.md"],
        )  # fmt: skip


def lose(variant: Variant, target: Target, resources: Sequence[Resource]) -> None:
    """Lose it; `resources` are those of the stack's state. Raises `OpsError`."""
    refuse_real(target)
    vendors = _Vendors(target.variables)
    lost = {
        Variant.SERVER: (_SERVER,),
        Variant.VOLUME: (_SERVER, _VOLUME),
        Variant.STATE: (),
        Variant.EVERYTHING: (*_HETZNER, _RECORD, _RULESET, _ENVIRONMENT, _RULES),
    }[variant]
    for kind in lost:
        found = [one for one in resources if one["type"] == kind]
        for one in found:
            vendors.delete(kind, one)
        if kind == _SERVER:
            vendors.await_gone(found)
    if variant.loses_state:
        forget_state(target)


def forget_state(target: Target) -> list[Path]:
    """Remove all that a file backend has of a stack; says what. Raises `OpsError` for others."""
    folder = backend_folder(target.variables)
    if folder is None:
        raise OpsError("The state is not in a folder of this machine: it is not touched.")
    removed: list[Path] = []
    for room in ("stacks", "history", "backups"):
        for found in sorted((folder / room).glob("**/*")):
            if found.name.partition(".")[0] != target.stack or not found.exists():
                continue
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink()
            removed.append(found)
    return removed


@dataclass(frozen=True)
class _Vendors:
    variables: Mapping[str, str]

    def delete(self, kind: str, found: Resource) -> None:
        """Delete a thing as somebody would who has the token."""
        inputs = cast("dict[str, Any]", found.get("inputs") or {})
        match kind:
            case "cloudflare:index/dnsRecord:DnsRecord":
                place = f"zones/{inputs['zoneId']}/dns_records/{found['id']}"
                self._cloudflare("DELETE", place)
            case "cloudflare:index/ruleset:Ruleset":
                self._cloudflare("DELETE", f"zones/{inputs['zoneId']}/rulesets/{found['id']}")
            case "github:index/repositoryEnvironment:RepositoryEnvironment":
                name = quote(str(inputs["environment"]), safe="")
                self._github("DELETE", f"{inputs['repository']}/environments/{name}")
            case "github:index/repositoryRuleset:RepositoryRuleset":
                self._github("DELETE", f"{inputs['repository']}/rulesets/{found['id']}")
            case _:
                place = f"{COLLECTIONS[kind]}/{found['id']}"
                if kind in _PROTECTED:
                    self._hetzner("POST", f"{place}/actions/change_protection", _unprotected(kind))
                self._hetzner("DELETE", place)

    def await_gone(self, servers: Sequence[Resource]) -> None:
        """Wait until the servers are no more; raises `OpsError`."""

        def gone() -> bool:
            return not any(self._hetzner("GET", f"servers/{one['id']}") for one in servers)

        if not wait_until(gone, _GONE_SECONDS, every=0.5):
            raise OpsError(f"A server is still there after {_GONE_SECONDS} s.")

    def _hetzner(self, method: str, path: str, body: object = None) -> bool:
        return self._ask(
            method, f"{self.variables['HCLOUD_ENDPOINT']}/{path}", "HCLOUD_TOKEN", body
        )

    def _cloudflare(self, method: str, path: str) -> bool:
        base = self.variables["CLOUDFLARE_BASE_URL"]
        return self._ask(method, f"{base}/{path}", "CLOUDFLARE_API_TOKEN")

    def _github(self, method: str, path: str) -> bool:
        base = self.variables["GITHUB_BASE_URL"].rstrip("/")
        owner = self.variables["GITHUB_OWNER"]
        return self._ask(method, f"{base}/api/v3/repos/{owner}/{path}", "GITHUB_TOKEN")

    def _ask(self, method: str, url: str, token: str, body: object = None) -> bool:
        """Whether there is such a thing."""
        try:
            answer = httpx.request(
                method,
                url,
                json=body,
                headers={"Authorization": f"Bearer {self.variables[token]}"},
                timeout=_TIMEOUT,
            )
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return False
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise OpsError("The loss could not be done.", [f"{method} {url}: {error}"]) from error
        return True


def _unprotected(kind: str) -> dict[str, bool]:
    return {"delete": False, **({"rebuild": False} if kind == _SERVER else {})}
