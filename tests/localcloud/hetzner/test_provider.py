"""The stand-in provider under the real engine, against the emulator with machines in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_hcloud as hcloud
import pytest

from localcloud.providers import hcloud as stand_in
from localcloud.providers.server import serve
from tests.localcloud.hetzner.conftest import TOKEN, Emulator, given
from tests.localcloud.providers.engine import ENGINE, Harness

pytestmark = pytest.mark.skipif(not (ENGINE / "pulumi").exists(), reason="needs the engine")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPItbDQy/dBNWCfKRyoBUD5ogCNCl4OUcRkkZMPqDhQ test"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The program of these tests: one server with all that belongs to it."""

    endpoint: str
    server_type: str = "ccx33"
    user_data: str = "#cloud-config\n{}\n"
    labels: tuple[tuple[str, str], ...] = (("stack", "staging"),)
    port: str = "443"
    size: int = 20
    protected: bool = False

    def __call__(self) -> None:
        provider = hcloud.Provider(
            "cloud", token=TOKEN, endpoint=self.endpoint, poll_interval="20ms"
        )
        options = pulumi.ResourceOptions(provider=provider)
        key = hcloud.SshKey("deploy", name="deploy", public_key=KEY, opts=options)
        network = hcloud.Network("private", name="private", ip_range="10.0.0.0/16", opts=options)
        subnet = hcloud.NetworkSubnet(
            "apps",
            network_id=network.id.apply(int),
            type="cloud",
            network_zone="eu-central",
            ip_range="10.0.1.0/24",
            opts=options,
        )
        firewall = hcloud.Firewall(
            "edge",
            name="edge",
            rules=[
                hcloud.FirewallRuleArgs(
                    direction="in",
                    protocol="tcp",
                    port=self.port,
                    source_ips=["0.0.0.0/0", "::/0"],
                )
            ],
            opts=options,
        )
        address = hcloud.PrimaryIp(
            "public",
            name="public",
            type="ipv4",
            location="fsn1",
            assignee_type="server",
            auto_delete=False,
            opts=options,
        )
        group = hcloud.PlacementGroup("spread", name="spread", type="spread", opts=options)
        volume = hcloud.Volume(
            "data", name="data", size=self.size, location="fsn1", format="ext4", opts=options
        )
        server = hcloud.Server(
            "staging-1",
            name="staging-1",
            server_type=self.server_type,
            image="debian-13",
            location="fsn1",
            ssh_keys=[key.id],
            user_data=self.user_data,
            labels=dict(self.labels),
            firewall_ids=[firewall.id.apply(int)],
            placement_group_id=group.id.apply(int),
            public_nets=[
                hcloud.ServerPublicNetArgs(
                    ipv4_enabled=True, ipv4=address.id.apply(int), ipv6_enabled=False
                )
            ],
            networks=[hcloud.ServerNetworkArgs(subnet_id=subnet.id, ip="10.0.1.5")],
            delete_protection=self.protected,
            rebuild_protection=self.protected,
            # A name that is fixed: the old server goes first.
            opts=pulumi.ResourceOptions(provider=provider, delete_before_replace=True),
        )
        hcloud.VolumeAttachment(
            "data-attached",
            volume_id=volume.id.apply(int),
            server_id=server.id.apply(int),
            opts=options,
        )
        hcloud.Rdns(
            "name",
            primary_ip_id=address.id.apply(int),
            ip_address=address.ip_address,
            dns_ptr="staging.example.com",
            opts=options,
        )


RESOURCES = 10 + 2  # and the stack and its provider

Change = Callable[..., Platform]


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    return Platform(endpoint=emulator.endpoint)


@pytest.fixture
def harness(tmp_path: Path) -> Generator[Harness]:
    running = serve(stand_in.provider())
    yield Harness(tmp_path, f"hcloud:{running.port}")
    running.stop(0).wait()


def test_the_whole_platform_comes_up_stays_unchanged_and_leaves_nothing(
    emulator: Emulator, platform: Platform, harness: Harness
) -> None:
    assert harness.up(platform) == {"create": RESOURCES}

    server = emulator.client.servers.get_by_name("staging-1")
    machine = emulator.machines.machines[given(given(server).id)]
    assert machine.spec.public_ipv4 == "198.51.100.10"
    assert list(machine.networks.values()) == ["10.0.1.5"]
    assert [item.server_id for item in emulator.machines.volumes.values()] == [given(server).id]
    assert harness.preview() == {"same": RESOURCES}
    assert harness.refresh() == {"same": RESOURCES}
    assert harness.preview() == {"same": RESOURCES}

    assert harness.destroy() == {"delete": RESOURCES}
    client = emulator.client
    for kind in (client.servers, client.networks, client.volumes, client.firewalls):
        assert kind.get_all() == []
    assert client.primary_ips.get_all() == client.ssh_keys.get_all() == []
    assert emulator.machines.machines == emulator.machines.volumes == {}


def test_each_kind_of_change_does_what_the_official_plugin_does(
    emulator: Emulator, platform: Platform, harness: Harness
) -> None:
    harness.up(platform)
    before = emulator.client.servers.get_all()[0].id

    for change in (
        {"labels": (("stack", "staging"), ("role", "edge"))},
        {"server_type": "ccx43"},
        {"protected": True},
        {"protected": False},
        {"port": "80"},
        {"size": 30},
    ):
        platform = dataclasses.replace(platform, **change)
        assert harness.up(platform) == {"update": 1, "same": RESOURCES - 1}, change
        assert harness.preview() == {"same": RESOURCES}, change
    server = emulator.client.servers.get_all()[0]
    assert server.id == before
    assert server.status == "running"
    assert given(server.server_type).name == "ccx43"

    platform = dataclasses.replace(platform, user_data="#cloud-config\npackages: []\n")
    assert harness.up(platform) == {"replace": 2, "same": RESOURCES - 2}
    server = emulator.client.servers.get_all()[0]
    assert server.id != before
    assert given(given(server.public_net).ipv4).ip == "198.51.100.10"
    assert harness.preview() == {"same": RESOURCES}


def test_a_server_deleted_behind_the_program_comes_back(
    emulator: Emulator, platform: Platform, harness: Harness
) -> None:
    harness.up(platform)
    emulator.client.servers.get_all()[0].delete().wait_until_finished()

    harness.refresh()
    harness.up()

    assert len(emulator.client.servers.get_all()) == 1
    assert harness.preview() == {"same": RESOURCES}


def test_failures_of_the_api_are_overcome_by_the_next_run(
    emulator: Emulator, platform: Platform, harness: Harness
) -> None:
    emulator.fault(method="POST", path_regex="/v1/networks$", status=429, times=1)
    emulator.fault(method="POST", path_regex="/v1/servers$", status=500, times=1)
    emulator.fault(method="GET", path_regex="/v1/actions/", status=502, times=2)
    emulator.fault(method="POST", path_regex="/v1/volumes$", delay_seconds=1)
    with pytest.raises(Exception, match="injected failure 500"):
        harness.up(platform)

    harness.up()

    assert len(emulator.client.servers.get_all()) == 1
    assert harness.preview() == {"same": RESOURCES}
