"""The stand-in provider under the real engine, against the emulator with machines in memory."""

from __future__ import annotations

import dataclasses

import pytest

from tests.localcloud.hetzner.conftest import Emulator, given
from tests.localcloud.hetzner.platform import RESOURCES, Platform
from tests.localcloud.providers.engine import Harness


def test_the_whole_platform_comes_up_stays_unchanged_and_leaves_nothing(
    emulator: Emulator, harness: Harness
) -> None:
    platform = Platform(endpoint=emulator.endpoint)
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
    emulator: Emulator, harness: Harness
) -> None:
    platform = Platform(endpoint=emulator.endpoint)
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
    emulator: Emulator, harness: Harness
) -> None:
    platform = Platform(endpoint=emulator.endpoint)
    harness.up(platform)
    emulator.client.servers.get_all()[0].delete().wait_until_finished()

    harness.refresh()
    harness.up()

    assert len(emulator.client.servers.get_all()) == 1
    assert harness.preview() == {"same": RESOURCES}


def test_failures_of_the_api_are_overcome_by_the_next_run(
    emulator: Emulator, harness: Harness
) -> None:
    platform = Platform(endpoint=emulator.endpoint)
    emulator.fault(method="POST", path_regex="/v1/networks$", status=429, times=1)
    emulator.fault(method="POST", path_regex="/v1/servers$", status=500, times=1)
    emulator.fault(method="GET", path_regex="/v1/actions/", status=502, times=2)
    emulator.fault(method="POST", path_regex="/v1/volumes$", delay_seconds=1)
    with pytest.raises(Exception, match="injected failure 500"):
        harness.up(platform)

    harness.up()

    assert len(emulator.client.servers.get_all()) == 1
    assert harness.preview() == {"same": RESOURCES}
