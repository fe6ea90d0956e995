"""Which look-up a kind of resource has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from ops.adoption import hetzner
from ops.adoption.cloudflare import Cloudflare
from ops.adoption.docker import Docker
from ops.adoption.github import GitHub
from ops.adoption.hetzner import Hetzner

# The id of what exists at the vendor for these inputs, if it does.
Find = Callable[[Mapping[str, Any]], str | None]


class Lookups:
    """The look-ups of a stack, by type token."""

    def __init__(self, variables: Mapping[str, str], state: Mapping[str, Any]) -> None:
        """`variables` are those that the plugins use; `state` is the stack's deployment."""
        resources = cast("list[dict[str, Any]]", state.get("resources") or [])
        cloud, cloudflare = Hetzner(variables), Cloudflare(variables)
        github = GitHub(variables, _owner(resources))
        docker = Docker(resources)
        self._by_kind: dict[str, Find] = {
            **{kind: partial(cloud.named, name) for kind, name in hetzner.COLLECTIONS.items()},
            "hcloud:index/networkSubnet:NetworkSubnet": cloud.subnet,
            "hcloud:index/volumeAttachment:VolumeAttachment": cloud.attachment,
            "cloudflare:index/dnsRecord:DnsRecord": cloudflare.record,
            "cloudflare:index/ruleset:Ruleset": cloudflare.ruleset,
            "cloudflare:index/r2Bucket:R2Bucket": cloudflare.bucket,
            "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable": github.variable,
            "github:index/repositoryRuleset:RepositoryRuleset": github.ruleset,
            "github:index/repositoryEnvironmentDeploymentPolicy:"
            "RepositoryEnvironmentDeploymentPolicy": github.policy,
            "docker:index/container:Container": docker.container,
            "docker:index/network:Network": docker.network,
        }

    def find(self, kind: str, inputs: Mapping[str, Any]) -> str | None:
        """The id of what a pending create made; None when it made nothing that would be in the way.

        What has no look-up here is put, not posted: the same request again leaves one of it.
        """
        look = self._by_kind.get(kind)
        return look(inputs) if look else None


def _owner(resources: list[dict[str, Any]]) -> str:
    for found in resources:
        if found.get("type") == "pulumi:providers:github":
            inputs: Mapping[str, Any] = found.get("inputs") or {}
            return str(inputs.get("owner", ""))
    return ""
