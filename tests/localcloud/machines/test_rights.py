"""What servers are created without, by Dockers of different age."""

from __future__ import annotations

import pytest

from localcloud.machines import docker as machines
from localcloud.machines.machine import MachineError

REFUSAL = 'docker create: invalid CapDrop: capability not supported: "CAP_SYS_RESOURCE"'


def asked(monkeypatch: pytest.MonkeyPatch, refusal: str | None) -> list[tuple[str, ...]]:
    """The commands of one creation; a daemon that has a `refusal` refuses what drops anything."""
    seen: list[tuple[str, ...]] = []

    def docker(*arguments: str) -> str:
        seen.append(arguments)
        if refusal and "--cap-drop" in arguments:
            raise MachineError(refusal)
        return "id"

    monkeypatch.setattr(machines, "docker", docker)
    machines.create_container("--name", "server")
    return seen


def test_a_daemon_that_knows_the_capability_is_told_to_leave_it_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped = ("create", "--cap-drop", "SYS_RESOURCE", "--name", "server")
    assert asked(monkeypatch, None) == [dropped]


def test_a_daemon_that_leaves_it_out_by_itself_is_not_asked_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert asked(monkeypatch, REFUSAL)[1:] == [("create", "--name", "server")]


def test_any_other_refusal_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MachineError, match="in use"):
        asked(monkeypatch, "docker create: the name is in use")
