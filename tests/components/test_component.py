"""The base of components, and the type tokens of all of them."""

from __future__ import annotations

from typing import ClassVar

import pulumi
import pytest

import stacks.program
from components.component import Component
from tests.support.mocks import recording

TOKENS = {
    "manacore:backup:Backup",
    "manacore:cloudflare:BackupBucket",
    "manacore:cloudflare:Records",
    "manacore:cloudflare:Zone",
    "manacore:data:Postgres",
    "manacore:data:Redis",
    "manacore:docker:Compose",
    "manacore:docker:Files",
    "manacore:docker:Folders",
    "manacore:docker:Host",
    "manacore:docker:Networks",
    "manacore:docker:SlottedService",
    "manacore:edge:Edge",
    "manacore:github:BranchProtection",
    "manacore:github:Environment",
    "manacore:github:RepositorySecurity",
    "manacore:hetzner:Address",
    "manacore:hetzner:Firewall",
    "manacore:hetzner:Network",
    "manacore:hetzner:Placement",
    "manacore:hetzner:Server",
    "manacore:hetzner:SshKeys",
    "manacore:monitoring:Alertmanager",
    "manacore:monitoring:Blackbox",
    "manacore:monitoring:Grafana",
    "manacore:monitoring:Loki",
    "manacore:monitoring:Prometheus",
    "manacore:stacks:Vault",
}


class Sample(Component):
    """A component with one output that is assigned and one that may be forgotten."""

    token: ClassVar[str] = "manacore:test:Sample"
    value: pulumi.Output[str]
    other: pulumi.Output[int]

    def __init__(self, name: str, complete: bool) -> None:
        super().__init__(name)
        self.value = pulumi.Output.from_input("x")
        if complete:
            self.other = pulumi.Output.from_input(1)
        self.register()


def test_the_type_tokens_are_pinned_since_a_new_one_replaces_everything() -> None:
    assert stacks.program.__doc__
    found = {c.token for c in Component.__subclasses__() if not c.__module__.startswith("tests.")}
    assert found >= TOKENS
    assert found - TOKENS <= {"manacore:github:RepositorySecrets"}


def test_the_outputs_are_the_annotations() -> None:
    assert Sample.output_names() == ("value", "other")


def test_a_declared_output_that_is_missing_is_an_error() -> None:
    with recording() as (_, run), pytest.raises(AttributeError, match="other"):
        run(lambda: Sample("s", complete=False).value)
