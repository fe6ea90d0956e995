"""What a release works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from catalog import load_catalog
from components.edge.pointers import Pointers
from ops.failures import OpsError
from ops.release import ledger as ledgers
from ops.release import recovery
from ops.release.server import Server
from ops.release.site import POINTERS, Site
from stacks.ledger import Ledger, Slot
from stacks.pointing import pointers
from tests.ops.release.platforms import BACKEND, WEB, ledger

SERVER = {"ipv4": "198.51.100.10"}


def untouched(what: str, verb: object) -> None:
    pytest.fail(f"{what}: {verb}")


def site(*services: dict[str, Any]) -> Site:
    target = SimpleNamespace(stack="staging", is_local=True)
    outputs = {"services": services, "servers": {"one": SERVER}}
    session = SimpleNamespace(run=untouched)
    return Site(
        cast("Any", target), cast("Any", session), cast("Any", None), load_catalog(), outputs
    )


def service(name: str, url: str | None = None) -> dict[str, Any]:
    return {"name": name, "server": "one", "url": url}


def test_a_public_service_is_asked_through_the_edge_and_probed_at_its_host() -> None:
    found = site(service(WEB, "https://chat.example.org"), service(BACKEND))
    assert found.smoke(WEB, Slot.GREEN).host == "chat.example.org"
    (probe,) = found.probes([WEB, BACKEND])
    assert (probe.host, probe.address) == ("chat.example.org", SERVER["ipv4"])


def test_a_service_without_a_public_host_is_asked_itself_alone() -> None:
    found = site(service(BACKEND))
    assert found.smoke(BACKEND, Slot.BLUE).host is None
    assert found.probes([BACKEND]) == []


def test_a_service_that_was_never_brought_up_is_said() -> None:
    with pytest.raises(OpsError, match=f"(?s){WEB} is not up yet.*manacore up"):
        site(service(BACKEND)).by_server([BACKEND, WEB])


def test_a_ledger_that_cannot_be_written_changes_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "ROOT", tmp_path)
    written: Ledger = ledger(WEB)
    with pytest.raises(OpsError, match=r"staging\.yaml cannot be written"):
        site(service(WEB)).apply(written, "flip")


def test_a_flip_is_served_before_the_engine_updates_the_pointers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []

    def flip(server: Server, pointers: Pointers) -> None:
        assert recovery.read("staging")[WEB].live is Slot.GREEN, "it is written before"
        done.append((server.name, pointers))

    def up(_stack: object, _what: str, *, only: Sequence[str] = ()) -> None:
        done.append(only)

    (tmp_path / "releases").mkdir()
    monkeypatch.setattr(recovery, "ROOT", tmp_path)
    monkeypatch.setattr(Server, "flip", flip)
    # What is not of the catalogue any more, or has no slots, has no pointer.
    there = site(service(WEB), service("postgres"), service("gone"))
    there.session = cast("Any", SimpleNamespace(up=up))
    flipped = ledgers.flipped(every(), {WEB: Slot.GREEN})
    there.steer(flipped, "flip")
    there.apply(flipped, "prepare")
    catalog = load_catalog()
    assert done == [("one", pointers([catalog[WEB]], flipped)), [POINTERS], ()]


def full_disk(_server: Server) -> str:
    """What `df` tells of it."""
    return "head\n40000000000 0 9 9 /\n"


def every() -> Ledger:
    """A ledger with both slots of every service filled."""
    return ledgers.prepared(
        ledger(*(one.name for one in load_catalog().slotted)),
        {one.name: f"ghcr.io/wuesteon/{one.name}:two" for one in load_catalog().slotted},
    )


def test_a_disk_that_is_full_for_a_flip_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flip(_server: Server, _pointers: Pointers) -> None:
        raise OpsError("refused", ["OSError: [Errno 28] No space left on device"])

    (tmp_path / "releases").mkdir()
    monkeypatch.setattr(recovery, "ROOT", tmp_path)
    monkeypatch.setattr(Server, "flip", flip)
    monkeypatch.setattr(Server, "disks", full_disk)
    with pytest.raises(OpsError, match=r"(?s)one: 0 B of 40\.0 GB free in /.*retire --stack stag"):
        site(service(WEB)).flip(ledger(WEB))


def test_a_disk_that_was_full_is_said_with_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(_stack: object, what: str) -> None:
        raise OpsError(f"{what} failed:", ["write /x: no space left on device"])

    (tmp_path / "releases").mkdir()
    monkeypatch.setattr(recovery, "ROOT", tmp_path)
    monkeypatch.setattr(Server, "disks", full_disk)
    full = site(service(WEB))
    full.session = cast("Any", SimpleNamespace(up=up))
    with pytest.raises(OpsError, match=r"(?s)one: 0 B of 40\.0 GB free in /.*retire --stack stag"):
        full.apply(ledger(WEB), "prepare")
