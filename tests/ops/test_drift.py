"""What counts as changed, from two states and what servers tell."""

from __future__ import annotations

from typing import Any

from components.docker.files import digest_of
from components.edge import pointers
from components.edge.pointers import Pointers
from ops import drift
from ops.drift import State, forgotten
from ops.health import Containers

HOST = "urn:pulumi:staging::manacore::manacore:docker:Host::staging-main"
NESTED = "urn:pulumi:staging::manacore::manacore:docker:Host$"


def container(name: str) -> dict[str, Any]:
    urn = f"{NESTED}{drift.CONTAINER}::{name}"
    return {"urn": urn, "type": drift.CONTAINER, "outputs": {"name": name}, "parent": HOST}


def files(name: str, digest: str) -> dict[str, Any]:
    outputs = {"folder": f"/srv/{name}", "digest": digest}
    urn = f"{NESTED}{drift.FILES}::{name}"
    return {"urn": urn, "type": drift.FILES, "outputs": outputs, "parent": HOST}


def network(name: str) -> dict[str, Any]:
    urn = f"{NESTED}{drift.NETWORK}::{name}"
    return {"urn": urn, "type": drift.NETWORK, "outputs": {"name": name}, "parent": HOST}


RESOURCES: list[dict[str, Any]] = [
    {"urn": HOST, "type": drift.HOST},
    container("edge"),
    container("redis"),
    container("postgres"),
    network("data"),
    network("backend"),
    files("secrets", "abc"),
]


def urn_of(name: str) -> str:
    return next(r["urn"] for r in RESOURCES if r["urn"].endswith(f"::{name}"))


def test_what_the_state_had_and_has_no_more_is_gone() -> None:
    edge, redis = container("edge"), container("redis")
    assert drift.gone([edge, redis], [redis]) == [edge["urn"]]
    assert drift.gone([edge, redis], [edge, redis]) == []


def test_missing_and_stopped_containers_and_missing_networks_are_absent() -> None:
    there = Containers(
        by_name={
            "edge": {"state": {"Running": True}},
            "redis": {"state": {"Running": False}},
        },
        networks=frozenset({"data", "bridge"}),
    )
    absent = State("staging", RESOURCES).absent({"main": there})
    assert absent == [urn_of("redis"), urn_of("postgres"), urn_of("backend")]


def test_each_server_is_judged_by_what_it_has_itself() -> None:
    there = Containers(by_name={"edge": {"state": {"Running": True}}})
    assert State("staging", RESOURCES).absent({"monitoring": there}) == []


def test_folders_of_files_are_known_with_their_digest() -> None:
    folders = State("staging", RESOURCES).folders()
    assert folders == {"main": {urn_of("secrets"): ("/srv/secrets", "abc")}}


def test_the_live_pointers_of_an_edge_are_files_as_well() -> None:
    edge = f"{NESTED}{drift.EDGE}::staging-main-edge"
    chosen = Pointers(dials={"chat": "chat-blue:3000"})
    of_edge = {"type": drift.COMMAND, "parent": edge, "inputs": {"stdin": chosen.bundle}}
    urn = f"{edge}$c::staging-main-edge-{pointers.RESOURCE}"
    flipped = {**of_edge, "urn": urn}
    held = [
        {"urn": HOST, "type": drift.HOST},
        {"urn": edge, "type": drift.EDGE, "parent": HOST},
        flipped,
        {**of_edge, "urn": f"{urn}-folder"},
    ]
    expected = ("/srv/manacore/edge-slots/live", digest_of(chosen.files))
    assert State("staging", held).folders() == {"main": {urn: expected}}
    (written,) = forgotten({"resources": [flipped]}, [urn])["resources"]
    assert written == {**flipped, "inputs": {"stdin": ""}}


def test_files_that_were_altered_are_written_again_under_the_same_id() -> None:
    secrets = urn_of("secrets")
    written = {"urn": "c", "type": drift.COMMAND, "parent": secrets, "id": "1"}
    other = {"urn": "d", "type": drift.COMMAND, "parent": "x", "inputs": {"stdin": "kept"}}
    before, after = {"create": "x", "stdin": "{}"}, {"create": "x", "stdin": ""}
    state = {"resources": [{**written, "inputs": before, "outputs": before}, other]}
    result = forgotten(state, [secrets])["resources"]
    assert result == [{**written, "inputs": after, "outputs": after}, other]
