"""Lost answers and refusals under the real engine: nothing is doubled, nothing is ignored."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_hcloud as hcloud
import pytest

from tests.localcloud.hetzner.conftest import TOKEN, Emulator
from tests.localcloud.hetzner.platform import RESOURCES, Platform
from tests.localcloud.providers.engine import Harness

CREATES = ("ssh_keys", "networks", "firewalls", "primary_ips", "placement_groups", "volumes")


def options(emulator: Emulator, token: str = TOKEN) -> pulumi.ResourceOptions:
    provider = hcloud.Provider(
        "cloud", token=token, endpoint=emulator.endpoint, poll_interval="20ms"
    )
    return pulumi.ResourceOptions(provider=provider)


def count(emulator: Emulator) -> dict[str, int]:
    client = emulator.client
    return {table: len(getattr(client, table).get_all()) for table in (*CREATES, "servers")}


@pytest.mark.parametrize("status", [500, 0], ids=["error", "cut connection"])
def test_every_create_whose_answer_was_lost_converges_in_the_same_run(
    emulator: Emulator, harness: Harness, status: int
) -> None:
    for table in (*CREATES, "servers"):
        emulator.fault(method="POST", path_regex=f"/v1/{table}$", status=status, after=True)
    for action in ("add_subnet", "attach", "attach_to_network"):
        emulator.fault(method="POST", path_regex=f"/actions/{action}$", status=status, after=True)
    platform = Platform(endpoint=emulator.endpoint)

    assert harness.up(platform) == {"create": RESOURCES}

    assert set(count(emulator).values()) == {1}
    assert len(emulator.machines.machines) == 1
    server = emulator.client.servers.get_all()[0]
    assert server.status == "running"
    assert harness.preview() == {"same": RESOURCES}
    assert harness.refresh() == {"same": RESOURCES}
    assert harness.destroy() == {"delete": RESOURCES}
    assert set(count(emulator).values()) == {0}


def test_an_action_whose_answer_was_lost_is_asked_again_by_the_next_run(
    emulator: Emulator, harness: Harness
) -> None:
    emulator.fault(method="POST", path_regex="/actions/change_dns_ptr$", status=500, after=True)
    with pytest.raises(Exception, match="injected failure 500"):
        harness.up(Platform(endpoint=emulator.endpoint))

    harness.up()

    assert set(count(emulator).values()) == {1}
    assert len(emulator.machines.machines) == 1
    assert harness.preview() == {"same": RESOURCES}


def test_a_thing_of_somebody_else_with_the_same_name_is_not_taken(
    emulator: Emulator, harness: Harness
) -> None:
    emulator.client.networks.create(
        name="private", ip_range="10.9.0.0/16", labels={"owner": "somebody"}
    )

    def program() -> None:
        hcloud.Network("private", name="private", ip_range="10.0.0.0/16", opts=options(emulator))

    with pytest.raises(Exception, match="uniqueness_error"):
        harness.up(program)
    assert [row.ip_range for row in emulator.client.networks.get_all()] == ["10.9.0.0/16"]


def test_two_resources_of_one_name_do_not_share_one_thing(
    emulator: Emulator, harness: Harness
) -> None:
    def program() -> None:
        shared = options(emulator)
        for name in ("first", "second"):
            hcloud.Network(name, name="private", ip_range="10.0.0.0/16", opts=shared)

    with pytest.raises(Exception, match="uniqueness_error"):
        harness.up(program)

    kept = [item for item in harness.state() if item["type"].endswith(":Network")]
    assert len(kept) == 1
    assert len(emulator.client.networks.get_all()) == 1


@pytest.mark.parametrize("refused", [{"iso": "debian.iso"}, {"rescue": "linux64"}])
def test_what_a_server_cannot_boot_from_here_is_refused(
    emulator: Emulator, harness: Harness, refused: dict[str, str]
) -> None:
    def program() -> None:
        extra: dict[str, Any] = dict(refused)
        hcloud.Server(
            "staging-1",
            name="staging-1",
            server_type="ccx33",
            image="debian-13",
            opts=options(emulator),
            **extra,
        )

    with pytest.raises(Exception, match="no ISO images and no rescue system"):
        harness.preview(program)
    assert all(row["method"] == "GET" for row in emulator.journal())


@pytest.mark.parametrize("token", ["short", "x" * 65])
def test_a_token_that_has_not_64_characters_is_refused_before_anything_is_asked(
    emulator: Emulator, harness: Harness, token: str
) -> None:
    def program() -> None:
        hcloud.Firewall("edge", name="edge", opts=options(emulator, token))

    with pytest.raises(Exception, match="must be exactly 64 characters long"):
        harness.preview(program)
    assert emulator.journal() == []


def test_a_server_that_was_off_runs_after_a_change_of_its_type(
    emulator: Emulator, harness: Harness
) -> None:
    # So does the vendor: the official plugin never starts it, the API does.
    harness.up(Platform(endpoint=emulator.endpoint))
    emulator.client.servers.get_all()[0].power_off().wait_until_finished()

    harness.up(Platform(endpoint=emulator.endpoint, server_type="ccx43"))

    assert emulator.client.servers.get_all()[0].status == "running"
    asked = [row["path"].rpartition("/")[2] for row in emulator.journal()]
    assert asked.count("change_type") == 1
    assert asked.count("poweron") == 0
    assert harness.preview() == {"same": RESOURCES}
