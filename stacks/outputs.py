"""Stack outputs: what workflows and `ops` read. `docs/outputs.md` has them in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from catalog import Catalog, Kind, Service
from stacks.cloud import USER, Machine
from stacks.delivery import Delivery
from stacks.dns import Dns
from stacks.hosts import Hosts
from stacks.ledger import Ledger
from stacks.price import monthly_price
from stacks.server import role_of
from stacks.settings import Settings


def outputs(
    *,
    stack: str,
    settings: Settings,
    catalog: Catalog,
    ledger: Ledger,
    machines: Mapping[str, Machine],
    edges: Mapping[str, pulumi.Input[str]],
    dns: Dns,
    delivery: Delivery,
) -> dict[str, pulumi.Input[Any]]:
    """The outputs of a stack by name. None of them is secret.

    `edges` are the names of the edges' containers by server.
    """
    hosts = Hosts(catalog, settings)
    grafana = next(s for s in catalog if s.name == "grafana")
    return {
        "stack": stack,
        "servers": {name: _server(settings, name, machine) for name, machine in machines.items()},
        "services": [_service(s, settings, hosts, ledger) for s in catalog.counted],
        "support": [
            {**_service(s, settings, hosts, ledger), **place}
            for s in catalog
            if s not in catalog.counted
            for place in _places(s, edges)
        ],
        "urls": {s.name: hosts.url(s) for s in catalog.routed},
        "dashboards": {"platform": f"{hosts.url(grafana)}/d/platform"},
        "backup_bucket": dns.bucket.bucket,
        "backup_endpoint": dns.bucket.endpoint,
        "deployment_gate": delivery.environment.gate,
        "monthly_cost_eur": monthly_price(settings),
    }


def _server(settings: Settings, name: str, machine: Machine) -> dict[str, pulumi.Input[Any]]:
    wanted = settings.servers[name]
    return {
        "id": machine.server.server_id,
        "type": wanted.type.value,
        "location": wanted.location.value,
        "roles": sorted(role.value for role in wanted.roles),
        "ipv4": machine.server.ipv4,
        "private_ip": machine.server.private_ip,
        "user": USER,
        "ssh_options": machine.host.ssh_options,
        "docker_host": machine.host.url,
        "docker_version": machine.host.docker_version,
    }


def _places(
    service: Service, edges: Mapping[str, pulumi.Input[str]]
) -> list[dict[str, pulumi.Input[Any]]]:
    """Where a service is, beside what `_service` says: an edge and its holder are on each server.

    An edge's container is named by what it is made of.
    """
    if service.kind is Kind.HOLDER:
        return [{"server": server} for server in edges]
    if service.kind is Kind.EDGE:
        return [{"server": server, "container": container} for server, container in edges.items()]
    return [{}]


def _service(
    service: Service, settings: Settings, hosts: Hosts, ledger: Ledger
) -> dict[str, pulumi.Input[Any]]:
    entry = ledger[service.name] if service.slots else None
    slot = entry.live.value if entry else None
    url = hosts.url(service) if service.route else None
    return {
        "name": service.name,
        "kind": service.kind.value,
        "project": service.project,
        "server": settings.holder(role_of(service)),
        "container": f"{service.name}-{slot}" if slot else service.name,
        "slot": slot,
        "image": entry.image(entry.live) if entry else service.image,
        "canary": entry.canary if entry else None,
        "maintenance": (entry.message or None) if entry else None,
        "url": url,
        "health_url": f"{url}{service.health}" if url else None,
    }
