"""The provider of each vendor, built once.

They are given no tokens: each official plugin reads its own environment variables (HCLOUD_TOKEN,
CLOUDFLARE_API_TOKEN, GITHUB_TOKEN, and HCLOUD_ENDPOINT, CLOUDFLARE_BASE_URL, GITHUB_BASE_URL for
another address). Only GitHub's SDK makes its token an input, a secret in the state. Default
providers are disabled in the stacks' configuration: a resource without an explicit provider is an
error.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.sdk import cloudflare, command, github, hcloud, random
from stacks.settings import Settings


@dataclass(frozen=True)
class Providers:
    """One provider per vendor; Docker has one per server, in `components.docker.host`."""

    hcloud: hcloud.Provider
    cloudflare: pulumi.ProviderResource
    github: github.Provider
    command: command.Provider
    random: random.Provider

    def options(self) -> pulumi.ResourceOptions:
        """Options of a top-level component: its children find their vendor's provider."""
        return pulumi.ResourceOptions(
            providers=[self.hcloud, self.cloudflare, self.github, self.command, self.random]
        )


def providers(settings: Settings) -> Providers:
    """Make the providers of a stack."""
    return Providers(
        hcloud=hcloud.Provider("hcloud"),
        cloudflare=cloudflare.Provider("cloudflare"),
        github=github.Provider("github", owner=settings.github.owner),
        command=command.Provider("command"),
        random=random.Provider("random"),
    )
