"""The vendor's own client makes, changes and removes a server with all that belongs to it."""

from __future__ import annotations

from hcloud.firewalls.domain import FirewallRule
from hcloud.images.domain import Image
from hcloud.locations.domain import Location
from hcloud.networks.domain import NetworkSubnet
from hcloud.server_types.domain import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

from tests.localcloud.hetzner.conftest import Emulator, given

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPItbDQy/dBNWCfKRyoBUD5ogCNCl4OUcRkkZMPqDhQ test"


def test_a_server_with_everything_comes_up_and_goes_again(emulator: Emulator) -> None:
    client = emulator.client
    key = client.ssh_keys.create(name="deploy", public_key=KEY)
    network = client.networks.create(
        name="private",
        ip_range="10.0.0.0/16",
        subnets=[NetworkSubnet("10.0.1.0/24", type="cloud", network_zone="eu-central")],
    )
    firewall = client.firewalls.create(
        name="edge",
        rules=[FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0"])],
    ).firewall
    address = client.primary_ips.create(
        type="ipv4", name="public", location=Location(name="fsn1")
    ).primary_ip
    made = client.volumes.create(
        size=20, name="data", location=Location(name="fsn1"), format="ext4"
    )
    made.action.wait_until_finished()
    response = client.servers.create(
        name="staging-1",
        server_type=ServerType(name="ccx33"),
        image=Image(name="debian-13"),
        location=Location(name="fsn1"),
        ssh_keys=[key],
        networks=[network],
        firewalls=[firewall],
        volumes=[made.volume],
        user_data="#cloud-config\n{}\n",
        labels={"stack": "staging"},
        public_net=ServerCreatePublicNetwork(ipv4=address, enable_ipv6=False),
    )
    for action in [response.action, *response.next_actions]:
        action.wait_until_finished()
    server = client.servers.get_by_id(given(response.server.id))
    number, volume_id = given(server.id), given(made.volume.id)

    assert server.status == "running"
    public = given(server.public_net)
    assert given(public.ipv4).ip == address.ip == "198.51.100.10"
    assert given(server.private_net)[0].ip == "10.0.1.1"
    assert [item.id for item in given(server.volumes)] == [volume_id]
    assert given(public.firewalls)[0].firewall.id == firewall.id
    machine = emulator.machines.machines[number]
    assert machine.spec.ssh_keys == (KEY,)
    assert machine.spec.public_ipv4 == "198.51.100.10"
    assert emulator.machines.volumes[volume_id].server_id == number
    assert machine.networks == {network.id: "10.0.1.1"}

    server.delete().wait_until_finished()

    assert client.servers.get_all() == []
    assert client.volumes.get_by_id(volume_id).server is None
    assert client.primary_ips.get_by_id(given(address.id)).assignee_id is None
    assert emulator.machines.machines == {}
