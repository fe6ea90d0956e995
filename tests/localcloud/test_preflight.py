"""The check of the machine."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

from localcloud.home import Home
from localcloud.preflight import GIB, Machine, problems, screen

GOOD = Machine(
    is_root=True,
    architecture="x86_64",
    python=(3, 11),
    memory_bytes=8 * GIB,
    disk_free_bytes=20 * GIB,
    controllers=frozenset({"cpu", "memory", "pids"}),
    ports_taken=(),
    has_apt=True,
)


def test_a_machine_with_all_that_is_needed_has_no_problem(tmp_path: Path) -> None:
    assert problems(GOOD, Home(tmp_path)) == []


def test_all_that_is_lacking_is_said_at_once_each_with_a_remedy(tmp_path: Path) -> None:
    poor = Machine(
        is_root=False,
        architecture="riscv64",
        python=(3, 9),
        memory_bytes=4 * GIB,
        disk_free_bytes=GIB,
        controllers=frozenset({"cpu"}),
        ports_taken=(8801,),
        has_apt=False,
    )
    found = problems(poor, Home(tmp_path), missing_packages=["docker.io"])
    assert len(found) == 8
    assert all(problem.remedy for problem in found)
    text = screen(found)
    for words in ("root", "docker.io", "3.9", "riscv64", "memory, pids", "4.0 GiB", "8801"):
        assert words in text
    assert len(text.splitlines()) <= 24, "it fits on one screen"


def test_less_disk_is_enough_once_the_images_are_built(tmp_path: Path) -> None:
    home = Home(tmp_path)
    small = replace(GOOD, disk_free_bytes=6 * GIB)
    assert len(problems(small, home)) == 1
    home.images.mkdir(parents=True)
    (home.images / "base.tar").touch()
    assert problems(small, home) == []


def test_a_port_that_is_held_is_found_unless_it_is_our_own(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", 8816))
        except OSError:
            pass  # held by a local cloud that runs now: held all the same
        else:
            holder.listen()
        assert 8816 in Machine.of_here(Home(tmp_path)).ports_taken
        assert 8816 not in Machine.of_here(Home(tmp_path), own_ports=[8816]).ports_taken


def test_the_facts_of_this_machine_are_read(tmp_path: Path) -> None:
    here = Machine.of_here(Home(tmp_path / "not" / "there"))
    assert here.memory_bytes > GIB / 2
    assert here.disk_free_bytes > 0
    assert here.python >= (3, 11)
