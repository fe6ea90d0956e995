"""What the Hetzner components ask of the cloud, seen by the recording mock."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pulumi
import pytest

from components.component import Component
from components.hetzner.address import Address, AddressArgs
from components.hetzner.firewall import Firewall, FirewallArgs
from components.hetzner.network import Network, NetworkArgs, subnet
from components.hetzner.placement import Placement, PlacementArgs
from components.hetzner.server import DATA_ROOT, DISK_ROOT, Server, ServerArgs
from components.hetzner.servertypes import SIZES, Location, ServerType, refusal
from components.hetzner.sshkeys import SshKeys, SshKeysArgs
from tests.support.mocks import Answer, Recorder, recording

LABELS = {"stack": "test"}
SECRET = "s" * 64
ANSWERS: dict[str, Answer] = {
    "hcloud:index/network:Network": lambda _: {"id": "11"},
    "hcloud:index/firewall:Firewall": lambda _: {"id": "12"},
    "hcloud:index/primaryIp:PrimaryIp": lambda _: {"id": "13", "ipAddress": "198.51.100.10"},
    "hcloud:index/placementGroup:PlacementGroup": lambda _: {"id": "14"},
    "hcloud:index/volume:Volume": lambda _: {
        "id": "15",
        "linuxDevice": "/dev/disk/by-id/scsi-0HC_Volume_15",
    },
    "hcloud:index/server:Server": lambda _: {"id": "16"},
    "random:index/randomPassword:RandomPassword": lambda _: {"result": SECRET},
}


def seen(program: Callable[[], Any]) -> tuple[Recorder, Any]:
    with recording(ANSWERS) as (recorder, run):
        return recorder, run(program)


def a_server(*, volume: int = 50, protect: bool = False, backups: bool = False) -> Server:
    network = Network(
        "net", NetworkArgs(cidr=IPv4Network("10.0.0.0/16"), zone="eu-central", labels=LABELS)
    )
    return Server(
        "app",
        ServerArgs(
            hostname="test-app",
            server_type=ServerType.CCX33,
            location=Location.FALKENSTEIN,
            user="deploy",
            authorized_keys={"ann": "ssh-ed25519 AAAA ann"},
            key_ids=["1"],
            address_id=13,
            ipv4="198.51.100.10",
            network_id=network.network_id,
            private_ip="10.0.0.2",
            firewall_id=12,
            placement_group_id=14,
            volume=volume,
            backups=backups,
            protect=protect,
            labels=LABELS,
            subnet=network.subnet,
        ),
    )


@pytest.mark.parametrize(
    ("component", "token"),
    [
        (Address, "manacore:hetzner:Address"),
        (Firewall, "manacore:hetzner:Firewall"),
        (Network, "manacore:hetzner:Network"),
        (Placement, "manacore:hetzner:Placement"),
        (Server, "manacore:hetzner:Server"),
        (SshKeys, "manacore:hetzner:SshKeys"),
    ],
)
def test_type_tokens_are_pinned(component: type[Component], token: str) -> None:
    assert component.token == token, "a changed token replaces everything below it"


def test_the_firewall_opens_ssh_to_its_sources_and_web_to_everyone_and_nothing_else() -> None:
    office = IPv4Network("198.51.100.0/28")
    recorder, _ = seen(
        lambda: Firewall("fw", FirewallArgs(ssh_sources=[office], labels=LABELS)).firewall_id
    )
    rules = recorder.one("hcloud:index/firewall:Firewall").inputs["rules"]
    everyone = ["0.0.0.0/0", "::/0"]
    assert [(r["direction"], r["protocol"], r["port"], r["sourceIps"]) for r in rules] == [
        ("in", "tcp", "22", [str(office)]),
        ("in", "tcp", "80", everyone),
        ("in", "tcp", "443", everyone),
        ("in", "udp", "443", everyone),
    ]


def test_a_network_has_one_subnet_in_its_first_24() -> None:
    recorder, network_id = seen(
        lambda: (
            Network(
                "net",
                NetworkArgs(cidr=IPv4Network("10.0.0.0/16"), zone="eu-central", labels=LABELS),
            ).network_id
        )
    )
    assert network_id == 11
    inputs = recorder.one("hcloud:index/networkSubnet:NetworkSubnet").inputs
    assert (inputs["ipRange"], inputs["networkId"]) == ("10.0.0.0/24", 11)
    assert subnet(IPv4Network("10.0.0.0/28")) == IPv4Network("10.0.0.0/28")


def test_an_address_is_kept_apart_from_its_server_and_resolves_back() -> None:
    recorder, ipv4 = seen(
        lambda: (
            Address(
                "edge",
                AddressArgs(
                    location="fsn1", reverse_name="app.example.org", protect=True, labels={}
                ),
            ).ipv4
        )
    )
    assert ipv4 == "198.51.100.10"
    address = recorder.one("hcloud:index/primaryIp:PrimaryIp").inputs
    assert (address["autoDelete"], address["deleteProtection"]) == (False, True)
    reverse = recorder.one("hcloud:index/rdns:Rdns").inputs
    assert (reverse["primaryIpId"], reverse["dnsPtr"]) == (13, "app.example.org")


def test_each_person_has_a_key_under_the_stack_prefix() -> None:
    keys = {"bob": "ssh-ed25519 BBBB bob \n", "ann": "ssh-ed25519 AAAA ann"}
    recorder, _ = seen(
        lambda: SshKeys("keys", SshKeysArgs(prefix="test", keys=keys, labels={})).key_ids
    )
    made = {
        r.inputs["name"]: r.inputs["publicKey"] for r in recorder.of("hcloud:index/sshKey:SshKey")
    }
    assert made == {"test-ann": "ssh-ed25519 AAAA ann", "test-bob": "ssh-ed25519 BBBB bob"}


def test_the_placement_group_spreads() -> None:
    recorder, group_id = seen(lambda: Placement("spread", PlacementArgs(labels={})).group_id)
    assert group_id == 14
    assert recorder.one("hcloud:index/placementGroup:PlacementGroup").inputs["type"] == "spread"


def test_a_server_boots_debian_with_its_volume_named_in_cloud_init() -> None:
    def program() -> pulumi.Output[list[str]]:
        server = a_server()
        assert server.data_root == DATA_ROOT
        return pulumi.Output.all(server.server_id, server.ipv4, server.host_key)

    recorder, out = seen(program)
    assert out[0] == "16"
    assert out[1] == "198.51.100.10"
    assert out[2].startswith("ssh-ed25519 ")
    inputs = recorder.one("hcloud:index/server:Server").inputs
    assert (inputs["image"], inputs["serverType"], inputs["location"]) == (
        "debian-13",
        "ccx33",
        "fsn1",
    )
    assert inputs["networks"][0] == {"networkId": 11, "ip": "10.0.0.2"}
    assert inputs["publicNets"][0]["ipv4"] == 13
    attachment = recorder.one("hcloud:index/volumeAttachment:VolumeAttachment").inputs
    assert (attachment["serverId"], attachment["volumeId"], attachment["automount"]) == (
        16,
        15,
        False,
    )


def test_protection_and_backups_are_what_was_asked() -> None:
    recorder, _ = seen(lambda: a_server(protect=True, backups=True).server_id)
    server = recorder.one("hcloud:index/server:Server").inputs
    assert server["deleteProtection"] is server["rebuildProtection"] is server["backups"] is True
    assert recorder.one("hcloud:index/volume:Volume").inputs["deleteProtection"] is True


def test_a_server_without_a_volume_keeps_its_data_on_its_disk() -> None:
    recorder, root = seen(lambda: a_server(volume=0).data_root)
    assert root == DISK_ROOT
    assert recorder.of("hcloud:index/volume:Volume") == []


@pytest.mark.parametrize(
    ("retired", "successor"),
    [("ccx32", "ccx33"), ("CCX22", "ccx23"), ("ccx42", "ccx43"), ("cx32", "cx33")],
)
def test_a_retired_type_is_refused_with_its_successor(retired: str, successor: str) -> None:
    assert refusal(retired) == f"server type {retired} is not offered any more: use {successor}"


def test_every_type_has_a_size_and_an_unknown_one_is_refused_with_those_there_are() -> None:
    assert set(SIZES) == set(ServerType)
    assert all(refusal(offered.value) is None for offered in ServerType)
    assert "use one of: ccx13, ccx23, ccx33" in (refusal("ccx333") or "")
    assert "cx23" in (refusal("zzz") or "")


def test_a_location_knows_its_network_zone() -> None:
    assert Location.FALKENSTEIN.network_zone == "eu-central"
    assert Location.ASHBURN.network_zone == "us-east"
