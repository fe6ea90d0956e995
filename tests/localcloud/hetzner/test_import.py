"""What exists already is imported through the engine; the next preview is empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_hcloud as hcloud
import pytest
from hcloud.firewalls.domain import FirewallRule
from hcloud.images.domain import Image
from hcloud.locations.domain import Location
from hcloud.server_types.domain import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

from tests.localcloud.hetzner.conftest import TOKEN, Emulator, given
from tests.localcloud.providers.engine import Harness

LABELS = {"stack": "staging"}


@dataclass(frozen=True, kw_only=True)
class Existing:
    """Ids of what somebody has made by hand."""

    server: int
    network: int
    firewall: int
    volume: int
    address: int


@pytest.fixture
def existing(emulator: Emulator) -> Existing:
    client, place = emulator.client, Location(name="fsn1")
    labels: Any = LABELS  # the client's annotation of some creates says text
    network = client.networks.create(name="private", ip_range="10.0.0.0/16", labels=labels)
    rule = FirewallRule(direction="in", protocol="tcp", port="443", source_ips=["0.0.0.0/0"])
    firewall = client.firewalls.create(name="edge", rules=[rule], labels=labels).firewall
    volume = client.volumes.create(size=20, name="data", location=place, labels=labels).volume
    address = given(
        client.primary_ips.create(
            type="ipv4", name="public", location=place, labels=labels
        ).primary_ip
    )
    made = client.servers.create(
        name="staging-1",
        server_type=ServerType(name="ccx33"),
        image=Image(name="debian-13"),
        location=place,
        labels=labels,
        public_net=ServerCreatePublicNetwork(ipv4=address, enable_ipv6=False),
    )
    for action in [made.action, *made.next_actions]:
        action.wait_until_finished()
    return Existing(
        server=given(made.server.id),
        network=given(network.id),
        firewall=given(firewall.id),
        volume=given(volume.id),
        address=given(address.id),
    )


@dataclass(frozen=True, kw_only=True)
class Adopting:
    """A program that has each of them as a resource."""

    endpoint: str
    ids: Existing | None
    server_type: str = "ccx33"

    def __call__(self) -> None:
        provider = hcloud.Provider(
            "cloud", token=TOKEN, endpoint=self.endpoint, poll_interval="20ms"
        )

        def options(kind: str) -> pulumi.ResourceOptions:
            found = getattr(self.ids, kind) if self.ids else None
            number = None if found is None else str(found)
            return pulumi.ResourceOptions(provider=provider, import_=number)

        hcloud.Network(
            "private",
            name="private",
            ip_range="10.0.0.0/16",
            labels=LABELS,
            opts=options("network"),
        )
        hcloud.Firewall(
            "edge",
            name="edge",
            labels=LABELS,
            rules=[
                hcloud.FirewallRuleArgs(
                    direction="in", protocol="tcp", port="443", source_ips=["0.0.0.0/0"]
                )
            ],
            opts=options("firewall"),
        )
        hcloud.Volume(
            "data", name="data", size=20, location="fsn1", labels=LABELS, opts=options("volume")
        )
        hcloud.PrimaryIp(
            "public",
            name="public",
            type="ipv4",
            location="fsn1",
            auto_delete=False,
            labels=LABELS,
            opts=options("address"),
        )
        hcloud.Server(
            "staging-1",
            name="staging-1",
            server_type=self.server_type,
            image="debian-13",
            location="fsn1",
            labels=LABELS,
            opts=options("server"),
        )


def test_server_network_firewall_volume_and_address_are_imported_untouched(
    emulator: Emulator, existing: Existing, harness: Harness
) -> None:
    program = Adopting(endpoint=emulator.endpoint, ids=existing)
    asked = len(emulator.journal())

    assert harness.up(program) == {"create": 2, "import": 5}

    assert {row["method"] for row in emulator.journal()[asked:]} == {"GET"}
    assert harness.preview() == {"same": 7}
    # The import option may be taken out afterwards.
    assert harness.preview(Adopting(endpoint=emulator.endpoint, ids=None)) == {"same": 7}
    assert harness.refresh() == {"same": 7}
    ids = {item["id"] for item in harness.state() if item["type"].startswith("hcloud:index")}
    assert ids == {str(number) for number in vars(existing).values()}


def test_an_import_with_other_inputs_is_followed_by_the_change(
    emulator: Emulator, existing: Existing, harness: Harness
) -> None:
    program = Adopting(endpoint=emulator.endpoint, ids=existing, server_type="ccx43")

    assert harness.up(program) == {"create": 2, "import": 5, "update": 1}

    server = emulator.client.servers.get_by_id(existing.server)
    assert given(server.server_type).name == "ccx43"
    assert harness.preview() == {"same": 7}


def test_what_does_not_exist_cannot_be_imported(emulator: Emulator, harness: Harness) -> None:
    missing = Existing(server=1, network=1, firewall=1, volume=1, address=1)
    with pytest.raises(Exception, match="does not exist"):
        harness.up(Adopting(endpoint=emulator.endpoint, ids=missing))
    assert emulator.client.servers.get_all() == []
