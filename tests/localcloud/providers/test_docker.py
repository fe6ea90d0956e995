"""The docker stand-in under the real engine, on this machine's Docker."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pulumi
import pulumi_docker as docker
import pytest

from localcloud.providers import docker as standin
from localcloud.providers.docker.container_spec import nanoseconds
from localcloud.providers.docker.container_state import decimal_cpus, go_duration
from tests.localcloud.providers.conftest import MakeHarness

NAME = "manacore-test-providers"
LABEL = docker.ContainerLabelArgs(label="manacore.local", value="true")


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    done = subprocess.run(["docker", kind, "inspect", name], capture_output=True, check=False)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def run_docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)


def check(result: str) -> docker.ContainerHealthcheckArgs:
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", "/bin/busybox", result], interval="1s", timeout="10s", retries=3
    )


class Program:
    """A network, a volume, an image and a container whose arguments a test may change."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.options: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {
            "name": NAME,
            "command": ["/bin/busybox", "sleep", "1000"],
            "labels": [LABEL],
            "envs": ["B=2", "A=1"],
            "memory": 32,
            "memory_swap": 32,
            "cpus": "0.5",
            "read_only": True,
            "tmpfs": {"/tmp": "size=1m"},
            "user": "1001:1001",
            "init": True,
            "restart": "unless-stopped",
            "security_opts": ["no-new-privileges:true"],
            "capabilities": docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            "log_driver": "json-file",
            "log_opts": {"max-size": "1m"},
            "healthcheck": check("true"),
            "wait": True,
            "wait_timeout": 60,
        }

    def __call__(self) -> None:
        provider = docker.Provider("docker", host="unix:///var/run/docker.sock")
        options = pulumi.ResourceOptions(provider=provider)
        network = docker.Network(
            "network",
            name=NAME,
            labels=[docker.NetworkLabelArgs(label="manacore.local", value="true")],
            opts=options,
        )
        volume = docker.Volume(
            "volume",
            name=NAME,
            labels=[docker.VolumeLabelArgs(label="manacore.local", value="true")],
            opts=options,
        )
        image = docker.RemoteImage("image", name=self.image, keep_locally=True, opts=options)
        docker.Container(
            "container",
            image=image.image_id,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=["b", "a"])
            ],
            mounts=[
                docker.ContainerMountArgs(target="/data", source=volume.name, type="volume"),
                docker.ContainerMountArgs(
                    target="/host", source="/etc/hostname", type="bind", read_only=True
                ),
            ],
            opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(**self.options)),
            **self.arguments,
        )


@pytest.mark.local
def test_a_hardened_container_lives_through_its_life(
    make_harness: MakeHarness, busybox: str
) -> None:
    harness = make_harness(standin.provider())
    program = Program(busybox)
    assert harness.preview(program) == {"create": 6}
    harness.up()
    found = inspect("container", NAME)
    assert found is not None
    assert found["State"]["Health"]["Status"] == "healthy"
    assert list(found["NetworkSettings"]["Networks"]) == [NAME]
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert set(harness.preview()) == {"same"}
    assert set(harness.refresh()) == {"same"}
    assert set(harness.preview()) == {"same"}, "a refresh finds nothing else"

    program.arguments["restart"] = "always"
    program.arguments["envs"] = ["A=1", "B=2"]
    assert harness.up()["update"] == 1
    changed = inspect("container", NAME)
    assert changed is not None
    assert changed["Id"] == found["Id"], "the restart policy changes in place"
    assert changed["HostConfig"]["RestartPolicy"]["Name"] == "always"

    program.arguments["envs"] = ["A=3"]
    assert harness.up()["replace"] == 1
    assert set(harness.preview()) == {"same"}

    run_docker("rm", "-f", NAME)
    harness.refresh()
    assert harness.up()["create"] == 1
    harness.destroy()
    assert all(inspect(kind, NAME) is None for kind in ("container", "network", "volume"))
    assert inspect("image", busybox), "it was to be kept"


@pytest.mark.local
def test_a_container_in_the_network_of_another_lives_through_its_life(
    make_harness: MakeHarness, busybox: str
) -> None:
    names = {"holder": f"{NAME}-holder", "first": f"{NAME}-1", "second": f"{NAME}-2"}

    def program(*joined: str, sysctl: str = "1") -> None:
        provider = docker.Provider("docker", host="unix:///var/run/docker.sock")
        options = pulumi.ResourceOptions(provider=provider)
        image = docker.RemoteImage("image", name=busybox, keep_locally=True, opts=options)
        shared: dict[str, Any] = {
            "image": image.image_id,
            "command": ["/bin/busybox", "sleep", "1000"],
            "labels": [LABEL],
            "memory": 32,
            "memory_swap": 32,
            "destroy_grace_seconds": 1,
            "stop_timeout": 1,
            "opts": options,
        }
        holder = docker.Container(
            "holder",
            name=names["holder"],
            sysctls={"net.ipv4.tcp_migrate_req": sysctl},
            **shared,
        )
        for name in joined:
            docker.Container(
                name,
                name=names[name],
                network_mode=pulumi.Output.concat("container:", holder.id),
                **shared,
            )

    harness = make_harness(standin.provider())
    harness.up(lambda: program("first"))
    assert set(harness.preview()) == {"same"}
    assert set(harness.refresh()) == {"same"}
    holder, first = (inspect("container", names[n]) for n in ("holder", "first"))
    assert holder and first
    assert first["HostConfig"]["NetworkMode"] == f"container:{holder['Id']}"
    assert holder["HostConfig"]["Sysctls"] == {"net.ipv4.tcp_migrate_req": "1"}

    # Another one of another name is there before the first is gone.
    changes = harness.up(lambda: program("second"))
    assert (changes["create"], changes["delete"]) == (1, 1)
    assert inspect("container", names["first"]) is None
    assert set(harness.preview()) == {"same"}

    # Another holder is another network: who was in the old one is replaced with it.
    assert harness.up(lambda: program("second", sysctl="0"))["replace"] == 2
    assert set(harness.preview()) == {"same"}


@pytest.mark.local
def test_a_container_in_the_network_of_another_has_no_host_name_of_its_own(
    make_harness: MakeHarness, busybox: str
) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        provider = docker.Provider("docker", host="unix:///var/run/docker.sock")
        options = pulumi.ResourceOptions(provider=provider)
        image = docker.RemoteImage("image", name=busybox, keep_locally=True, opts=options)
        docker.Container(
            "container",
            name=NAME,
            image=image.image_id,
            labels=[LABEL],
            hostname="own",
            network_mode="container:other",
            opts=options,
        )

    with pytest.raises(Exception, match="conflicting options: hostname and the network mode"):
        harness.up(program)


@pytest.mark.local
def test_memory_without_swap_differs_at_every_preview(
    make_harness: MakeHarness, busybox: str
) -> None:
    harness = make_harness(standin.provider())
    program = Program(busybox)
    del program.arguments["memory_swap"]
    harness.up(program)
    assert harness.preview()["update"] == 1
    harness.up()
    assert harness.preview()["update"] == 1


@pytest.mark.local
def test_an_unhealthy_container_fails_stays_and_is_replaced_by_the_next_update(
    make_harness: MakeHarness, busybox: str
) -> None:
    harness = make_harness(standin.provider())
    program = Program(busybox)
    program.arguments |= {"healthcheck": check("false"), "wait_timeout": 3}
    with pytest.raises(Exception, match="failed to be in healthy state"):
        harness.up(program)
    failed = inspect("container", NAME)
    assert failed is not None, "it is there to be looked at"
    assert harness.preview()["replace"] == 1

    program.arguments |= {"healthcheck": check("true"), "wait_timeout": 20}
    harness.up()
    replaced = inspect("container", NAME)
    assert replaced is not None
    assert replaced["Id"] != failed["Id"]
    assert set(harness.preview()) == {"same"}


@pytest.mark.local
def test_a_changed_health_check_reaches_the_container_only_when_it_is_replaced(
    make_harness: MakeHarness, busybox: str
) -> None:
    harness = make_harness(standin.provider())
    program = Program(busybox)
    harness.up(program)
    first = inspect("container", NAME)
    assert first is not None

    program.arguments["healthcheck"] = check("uname")
    assert harness.up()["update"] == 1
    kept = inspect("container", NAME)
    assert kept is not None
    assert kept["Id"] == first["Id"]
    assert kept["Config"]["Healthcheck"]["Test"][-1] == "true", "the daemon was told nothing"
    assert set(harness.preview()) == {"same"}

    program.options["replace_on_changes"] = ["healthcheck"]
    program.options["delete_before_replace"] = True
    program.arguments["healthcheck"] = check("date")
    assert harness.up()["replace"] == 1
    replaced = inspect("container", NAME)
    assert replaced is not None
    assert replaced["Config"]["Healthcheck"]["Test"][-1] == "date"


@pytest.mark.local
def test_waiting_without_a_health_check_is_an_error(
    make_harness: MakeHarness, busybox: str
) -> None:
    harness = make_harness(standin.provider())
    program = Program(busybox)
    del program.arguments["healthcheck"]
    with pytest.raises(Exception, match="does not have a healthcheck defined"):
        harness.up(program)


@pytest.mark.local
def test_a_daemon_that_does_not_answer_is_an_error_before_anything_is_made(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        docker.Provider("docker", host="unix:///nowhere/docker.sock")

    with pytest.raises(Exception, match="Error pinging Docker server"):
        harness.preview(program)
    harness.program = lambda: None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("500ms", 500_000_000), ("1m30s", 90_000_000_000), ("1h0m0.5s", 3600_500_000_000)],
)
def test_durations_are_read_and_written_as_go_does(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected
    assert go_duration(expected) == text


def test_cpus_are_written_as_the_plugin_does() -> None:
    assert [decimal_cpus(n) for n in (1_000_000_000, 500_000_000, 1_250_000_000)] == [
        "1.0",
        "0.5",
        "1.25",
    ]
