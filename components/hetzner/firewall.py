"""The firewall of a stack's servers: what the catalogue of rules names, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, ClassVar, Literal

import pulumi

from components.component import Component
from components.sdk import hcloud

if TYPE_CHECKING:
    from components.sdk.hcloud import FirewallRuleArgsDict

ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An open port."""

    description: str
    port: int
    protocol: Literal["tcp", "udp"] = "tcp"


SSH = Rule(description="ssh", port=22)
PUBLIC = (
    Rule(description="http", port=80),
    Rule(description="https", port=443),
    Rule(description="http3", port=443, protocol="udp"),
)


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """`ssh_sources` are the addresses that may log in."""

    ssh_sources: Sequence[IPv4Network | IPv6Network]
    labels: dict[str, str]


class Firewall(Component):
    """Lets in SSH from its sources, and web traffic from everywhere."""

    token: ClassVar[str] = "manacore:hetzner:Firewall"
    firewall_id: pulumi.Output[int]

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None):
        """Make the firewall."""
        super().__init__(name, opts)
        sources = [str(source) for source in args.ssh_sources]
        firewall = hcloud.Firewall(
            f"{name}-firewall",
            name=name,
            rules=[_rule(SSH, sources), *(_rule(rule, ANYWHERE) for rule in PUBLIC)],
            labels=args.labels,
            opts=self.child_options(),
        )
        self.firewall_id = firewall.id.apply(int)
        self.register()


def _rule(rule: Rule, sources: Sequence[str]) -> FirewallRuleArgsDict:
    return {
        "description": rule.description,
        "direction": "in",
        "protocol": rule.protocol,
        "port": str(rule.port),
        "source_ips": list(sources),
    }
