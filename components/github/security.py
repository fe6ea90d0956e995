"""Security settings of the repository: Dependabot and secret scanning."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.component import Component
from components.sdk import command, github

# The token reaches curl by its standard input: neither the state nor the list of processes
# shows it. It and the address are the variables of the official GitHub plugin.
_PATCH = (
    'printf "Authorization: Bearer %s" "$GITHUB_TOKEN" |'
    " curl --silent --show-error --fail-with-body --retry 3 --output /dev/null"
    " --request PATCH --header @-"
    ' --header "Accept: application/vnd.github+json"'
    ' --header "Content-Type: application/json"'
    ' --data "$SETTINGS"'
    ' "${GITHUB_BASE_URL:-https://api.github.com/}repos/$GITHUB_OWNER/$REPOSITORY"'
)


@dataclass(frozen=True, kw_only=True)
class RepositorySecurityArgs:
    """Which of GitHub's security services watch the repository."""

    repository: pulumi.Input[str]
    """Name of the repository, without its owner. It exists; it is not managed here."""
    dependabot: bool = True
    """Alerts about vulnerable dependencies, and pull requests that update them. Every plan."""
    secret_scanning_available: bool = False
    """Whether GitHub offers secret scanning for this repository: for public ones on every plan,
    for private ones with GitHub Secret Protection. When it does, it and push protection are on."""


class RepositorySecurity(Component):
    """Dependabot alerts and updates; secret scanning with push protection where offered.

    The official provider has secret scanning on its repository resource only, and that one can
    delete the repository and owns all its other settings. So these two settings are sent by
    themselves; they are sent again when they change, but `refresh` does not see them.
    """

    token: ClassVar[str] = "manacore:github:RepositorySecurity"

    dependabot: pulumi.Output[bool]
    """Whether Dependabot watches the repository."""
    secret_scanning: pulumi.Output[bool]
    """Whether secret scanning and push protection were switched on by this program."""

    def __init__(
        self, name: str, args: RepositorySecurityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the settings."""
        super().__init__(name, opts)
        alerts = github.RepositoryVulnerabilityAlerts(
            f"{name}-alerts",
            repository=args.repository,
            enabled=args.dependabot,
            opts=self.child_options(),
        )
        updates = github.RepositoryDependabotSecurityUpdates(
            f"{name}-updates",
            repository=args.repository,
            enabled=args.dependabot,
            # GitHub refuses updates while alerts are off.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[alerts]),
        )
        self.dependabot = updates.enabled
        if args.secret_scanning_available:
            self._scan(name, args.repository)
        self.secret_scanning = pulumi.Output.from_input(args.secret_scanning_available)
        self.register()

    def _scan(self, name: str, repository: pulumi.Input[str]) -> None:
        on = {"status": "enabled"}
        settings = json.dumps(
            {
                "security_and_analysis": {
                    "secret_scanning": on,
                    "secret_scanning_push_protection": on,
                }
            }
        )
        command.Command(
            f"{name}-secret-scanning",
            create=_PATCH,
            environment={"SETTINGS": settings, "REPOSITORY": repository},
            triggers=[settings, repository],
            opts=self.child_options(),
        )
