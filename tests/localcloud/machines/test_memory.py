"""Machines in memory keep what they were told, and refuse what real ones refuse."""

from __future__ import annotations

import pytest

from localcloud.machines.machine import MachineError, Machines, MachineSpec
from localcloud.machines.memory import MemoryMachines


def spec(server_id: int) -> MachineSpec:
    return MachineSpec(id=server_id, name="web", image="debian-13", user_data="")


def test_they_satisfy_the_protocol() -> None:
    machines: Machines = MemoryMachines()
    machines.create(spec(1))
    assert machines.status(1) == "running"


def test_power_follows_the_last_call() -> None:
    machines = MemoryMachines()
    machines.create(spec(1))
    machines.power_off(1)
    assert machines.status(1) == "off"
    machines.create(spec(1))
    assert machines.status(1) == "off", "a second create does nothing"
    machines.reset(1)
    assert machines.status(1) == "running"
    machines.delete(1)
    machines.delete(1)
    assert machines.status(1) == "missing"


def test_a_volume_outlives_its_server_and_moves_to_another() -> None:
    machines = MemoryMachines()
    machines.create(spec(1))
    machines.create(spec(2))
    machines.create_volume(7, 10, "ext4")
    machines.attach_volume(1, 7)
    with pytest.raises(MachineError, match="attached to server 1"):
        machines.attach_volume(2, 7)
    with pytest.raises(MachineError, match="attached to server 1"):
        machines.delete_volume(7)
    machines.delete(1)
    machines.attach_volume(2, 7)
    assert machines.volumes[7].server_id == 2


def test_an_address_outside_of_the_network_is_refused() -> None:
    machines = MemoryMachines()
    machines.create(spec(1))
    machines.create_network(3, "10.0.0.0/16")
    with pytest.raises(MachineError, match=r"10\.1\.0\.2 is not in network 3"):
        machines.attach_network(1, 3, "10.1.0.2")
    machines.attach_network(1, 3, "10.0.0.2")
    machines.delete_network(3)
    assert machines.machines[1].networks == {}


def test_what_does_not_exist_is_named() -> None:
    machines = MemoryMachines()
    with pytest.raises(MachineError, match="server 9 does not exist"):
        machines.power_on(9)
    machines.create(spec(1))
    with pytest.raises(MachineError, match="volume 8 does not exist"):
        machines.attach_volume(1, 8)
