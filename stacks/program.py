"""The program: load, compose, export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from catalog import Catalog, InvalidInputError, Problem, load_catalog
from components.edge.edge import Edge
from components.hetzner.servertypes import SIZES
from stacks import production, staging
from stacks.cloud import Machine, private_addresses, provision
from stacks.delivery import deliver
from stacks.dns import publish
from stacks.environment import Resolver
from stacks.hosts import Hosts
from stacks.ledger import Ledger, load_ledger
from stacks.outputs import outputs
from stacks.policy import Policy
from stacks.providers import providers
from stacks.server import METRICS_HERE, METRICS_PORT, Inputs, ServerStack, role_of
from stacks.settings import Role, Settings, load_settings, raw_config, unencrypted
from stacks.vault import Vault

ROOT = Path(__file__).parent.parent
POLICIES: dict[str, Policy] = {"staging": staging.POLICY, "production": production.POLICY}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """All inputs of a stack, checked."""

    stack: str
    policy: Policy
    catalog: Catalog
    settings: Settings
    ledger: Ledger


def load(
    stack: str,
    raw: dict[str, object],
    root: Path = ROOT,
    found: Sequence[Problem] = (),
) -> Loaded:
    """Read and check everything. Raises `InvalidInputError` with all problems at once.

    `found` are problems that somebody noticed before.
    """
    problems = list(found)
    file = f"Pulumi.{stack}.yaml"
    if stack not in POLICIES:
        raise InvalidInputError(
            [
                Problem(
                    path=file,
                    message=f"unknown stack {stack}",
                    remedy=f"use one of: {', '.join(POLICIES)}",
                )
            ]
        )
    # Settings and ledger are checked against the catalogue: without it they cannot be.
    catalog = load_catalog(root / "catalog" / "services")
    settings: Settings | None = None
    ledger: Ledger | None = None
    try:
        settings = load_settings(raw, file, catalog)
        problems += _too_large(settings, catalog, file)
    except InvalidInputError as error:
        problems += error.problems
    try:
        ledger = load_ledger(root / "releases" / f"{stack}.yaml", [s.name for s in catalog.slotted])
    except InvalidInputError as error:
        problems += error.problems
    if problems or settings is None or ledger is None:
        raise InvalidInputError(problems)
    return Loaded(
        stack=stack, policy=POLICIES[stack], catalog=catalog, settings=settings, ledger=ledger
    )


def _too_large(settings: Settings, catalog: Catalog, file: str) -> list[Problem]:
    """Servers whose containers' limits are more than the memory that they have."""
    problems: list[Problem] = []
    for name, server in settings.servers.items():
        services = [s for s in catalog if role_of(s) in server.roles]
        needed, there = sum(s.memory for s in services), SIZES[server.type].memory
        if needed > there:
            problems.append(
                Problem(
                    path=f"{file}: servers.{name}.type",
                    message=f"{server.type} has {there} MiB, its services may use {needed} MiB",
                    remedy="take a larger type, or move roles to another server",
                )
            )
    return problems


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A stack's outputs, and what is known last: when it is, the stack is complete."""

    outputs: dict[str, pulumi.Input[Any]]
    last: list[pulumi.Output[str]]


def compose(loaded: Loaded) -> Composed:
    """Make all resources of a stack."""
    settings, catalog = loaded.settings, loaded.catalog
    vendors = providers(settings)
    machines = provision(loaded.stack, vendors, settings)
    vault = Vault("secrets", catalog, vendors.options())
    hosts = Hosts(catalog, settings)
    inputs = Inputs(
        stack=loaded.stack,
        catalog=catalog,
        settings=settings,
        ledger=loaded.ledger,
        hosts=hosts,
        vault=vault,
        resolver=Resolver(catalog=catalog, settings=settings, hosts=hosts, vault=vault),
    )
    edges = _containers(inputs, machines)
    dns = publish(
        vendors,
        settings,
        catalog,
        {name: machine.server.ipv4 for name, machine in machines.items()},
    )
    app = machines[settings.holder(Role.APP)].server
    delivery = deliver(
        stack=loaded.stack,
        providers=vendors,
        settings=settings,
        policy=loaded.policy,
        catalog=catalog,
        vault=vault,
        variables={"HOST": app.ipv4, "HOST_KEY": app.host_key},
    )
    exported = outputs(
        stack=loaded.stack,
        settings=settings,
        catalog=catalog,
        ledger=loaded.ledger,
        machines=machines,
        edges={name: edge.container.name for name, edge in edges.items()},
        dns=dns,
        delivery=delivery,
    )
    return Composed(
        outputs=exported,
        last=[edge.container_name for edge in edges.values()] + [delivery.environment.gate],
    )


def _containers(inputs: Inputs, machines: dict[str, Machine]) -> dict[str, Edge]:
    """What runs on each server; an edge comes after all that it serves. The edges by server."""
    settings = inputs.settings
    monitoring = settings.holder(Role.MONITORING)
    private = private_addresses(settings)
    edges = {
        name: METRICS_HERE if name == monitoring else f"{private[name]}:{METRICS_PORT}"
        for name, server in settings.servers.items()
        if Role.EDGE in server.roles
    }
    made: dict[str, Edge] = {}
    for name, machine in machines.items():
        stack = ServerStack(
            name=name,
            host=machine.host,
            inputs=inputs,
            data_root=machine.server.data_root,
            metrics_address=None if name == monitoring else private[name],
            metrics_hosts=edges,
        )
        stack.compose()
        if stack.edge:
            made[name] = stack.edge
    return made


def program() -> pulumi.Output[Any]:
    """Run the stack that the engine selected; what it returns is known when all is registered."""
    stack = pulumi.get_stack()
    composed = compose(load(stack, raw_config(), found=unencrypted(f"Pulumi.{stack}.yaml")))
    for name, value in composed.outputs.items():
        pulumi.export(name, value)
    return pulumi.Output.all(*composed.last)
